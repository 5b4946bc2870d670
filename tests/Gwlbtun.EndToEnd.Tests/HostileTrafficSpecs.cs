using System.Net;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

[Collection(Alone.Name)]
public sealed class HostileTrafficSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private const int Datagrams = 20_000;
    private const int EniOffset = 12;

    [Fact]
    public async Task Should_neither_crash_nor_disturb_a_clean_flow_when_bytes_are_hostile()
    {
        var gwlbtun = await StartAsync("-j", "-c", Passthrough);
        var clean = new GwlbFlow(Eni, 1);
        var victim = new GwlbFlow(Eni, 70); // another outer source port, the same device
        await Gwlb.EchoAsync(clean, 0);

        var random = new Random(20260517);
        uint sequence = 1;
        for (var n = 0; n < Datagrams; n++)
        {
            Gwlb.SendDatagram(victim.OuterSourcePort, n % 2 == 0 ? Noise(random) : Mutation(victim, random));
            if (n % 100 == 99)
                await EchoAmongOthersAsync(clean, sequence++);
        }

        Assert.False(gwlbtun.Program.HasExited);
        Assert.Equal(HttpStatusCode.OK, (await gwlbtun.GetHealthAsync()).Status);
        // Another thread than the clean flow's may have some in hand still.
        var report = await gwlbtun.WaitForReportAsync(report => Drops(report) >= Datagrams / 2);
        Assert.InRange(Drops(report), Datagrams / 2, Datagrams);
        Assert.Single(report.GetProperty("enis").EnumerateArray());
    }

    private static byte[] Noise(Random random)
    {
        var datagram = new byte[random.Next(0, 300)];
        random.NextBytes(datagram);
        return datagram;
    }

    /// <summary>A well-formed datagram with a few bytes changed, cut off or lengthened; its endpoint stays, for another one would be honoured.</summary>
    private static byte[] Mutation(GwlbFlow flow, Random random)
    {
        byte[] datagram = [.. flow.GeneveHeader(), .. flow.Packet((uint)random.Next(), random.Next(64, 400))];
        for (var changes = random.Next(1, 6); changes > 0; changes--)
        {
            var at = random.Next(random.Next(2) == 0 ? GwlbFlow.HeaderLength + 40 : datagram.Length);
            if (at is < EniOffset or >= EniOffset + 8)
                datagram[at] = (byte)random.Next(256);
        }
        Array.Resize(ref datagram, random.Next(4) == 0 ? random.Next(datagram.Length) : datagram.Length);
        return datagram;
    }

    /// <summary>What mutants come back is theirs; the clean packet must.</summary>
    private async Task EchoAmongOthersAsync(GwlbFlow flow, uint sequence)
    {
        var inner = flow.Packet(sequence);
        Gwlb.Send(flow, inner);
        while (true)
        {
            var returned = await Gwlb.ReceiveAsync();
            if (returned.FaultAs(flow, inner) is null)
                return;
            Assert.NotEqual(flow.OuterSourcePort, returned.From.Port);
        }
    }
}
