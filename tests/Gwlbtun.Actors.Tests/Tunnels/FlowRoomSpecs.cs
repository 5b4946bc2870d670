using Gwlbtun.Actors.Tests.Gateway;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Actors.Tests.Tunnels;

public sealed class FlowRoomSpecs : GatewayKit
{
    private const int Flows = 50_000;
    private const int BytesPerFlow = 64;

    [Fact]
    public async Task Should_make_room_for_an_endpoint_of_its_own_reservation_before_its_tunnel_is_opened()
    {
        var other = Eni ^ 1;
        await StartAsync(environment: ("GWLBTUN_FLOWS_RESERVE", $"0,0,0,0,0,0;{EniName.VpceId(Eni)}:{Flows - 2},1,1,0,0,0"));
        Send();
        Send(eni: other);

        await CreatedAsync();
        await Log.Contains($"ENI {EniName.Hex17(other)}: tunnel");

        var report = await ReportAsync();
        var reserved = report.Enis.Single(eni => eni.EniId == Eni).FlowTable!.MemoryBytes;
        var plain = report.Enis.Single(eni => eni.EniId == other).FlowTable!.MemoryBytes;
        Assert.InRange(reserved - plain, Flows * BytesPerFlow, 4 * Flows * BytesPerFlow);
    }

    [Fact]
    public async Task Should_make_room_for_any_endpoint_of_the_general_reservation()
    {
        await StartAsync(environment: ("GWLBTUN_FLOWS_RESERVE", $"0,0,0,{Flows},0,0"));
        Send();

        await CreatedAsync();

        Assert.InRange((await EniAsync()).FlowTable!.MemoryBytes, Flows * BytesPerFlow, long.MaxValue);
    }
}
