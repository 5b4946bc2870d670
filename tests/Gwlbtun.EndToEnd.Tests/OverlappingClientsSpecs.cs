using System.Net;
using System.Net.Sockets;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>Three endpoints whose clients have the same address and port, and talk to the same server.</summary>
public sealed class OverlappingClientsSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    [Theory]
    [InlineData("create-nat-overlapping.sh", false)]
    [InlineData("create-nat-overlapping.sh", true)]
    [InlineData("create-overlapping-v4.sh", false)]
    public async Task Should_return_each_reply_to_its_own_endpoint(string script, bool v6)
    {
        GwlbFlow[] flows = [.. Enumerable.Range(0, 3).Select(n => new GwlbFlow(Eni + (ulong)n, 1, v6) { Cookie = 0xC0_0000 + (uint)n })];
        var server = Lab.AddNamespace("server");
        var (near, far) = v6 ? ("fd01::ff/64", "fd01::1/64") : ("172.16.0.254/24", "172.16.0.1/24");
        ApplianceLab.Join(Lab.Appliance, "leg", near, server, "leg", far);
        Variables["HOOK_UPLINK"] = "leg";
        await StartAsync("-c", Artifacts.ExampleScript(script), "-r", Artifacts.ExampleScript(script));
        using var echo = server.Enter(() => new Socket(v6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        echo.Bind(new IPEndPoint(v6 ? IPAddress.IPv6Any : IPAddress.Any, GwlbFlow.ServerPort));
        using var stop = new CancellationTokenSource();
        var echoing = EchoAsync(echo, stop.Token);

        for (uint round = 0; round < 5; round++)
        {
            foreach (var flow in flows)
                Gwlb.Send(flow, flow.Packet(round * 10 + flow.Cookie % 10));
            var returned = new[] { await Gwlb.ReceiveAsync(), await Gwlb.ReceiveAsync(), await Gwlb.ReceiveAsync() };
            foreach (var flow in flows)
            {
                var mine = Assert.Single(returned, packet => packet.Cookie == flow.Cookie);
                Assert.Equal(round * 10 + flow.Cookie % 10, mine.Sequence);
                Assert.True(mine.Datagram.AsSpan().StartsWith(flow.GeneveHeader()));
            }
        }

        await stop.CancelAsync();
        await echoing;
    }

    private static async Task EchoAsync(Socket socket, CancellationToken stop)
    {
        var buffer = new byte[ushort.MaxValue];
        var anyone = new IPEndPoint(socket.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0);
        try
        {
            while (true)
            {
                var received = await socket.ReceiveFromAsync(buffer, SocketFlags.None, anyone, stop);
                await socket.SendToAsync(buffer.AsMemory(0, received.ReceivedBytes), SocketFlags.None, received.RemoteEndPoint, stop);
            }
        }
        catch (OperationCanceledException)
        {
            // the test is over
        }
    }
}
