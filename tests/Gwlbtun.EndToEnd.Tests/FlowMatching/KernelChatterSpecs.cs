using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.FlowMatching;

/// <summary>What a host says by itself on every new interface is neither returned traffic nor a miss.</summary>
public sealed class KernelChatterSpecs(ITestOutputHelper output) : MatchingSpecs(output)
{
    private const int MulticastDns = 5353;

    private static readonly IPAddress _group4 = IPAddress.Parse("224.0.0.251");
    private static readonly IPAddress _group6 = IPAddress.Parse("ff02::fb");

    [Fact]
    public async Task Should_neither_return_nor_miss_what_the_host_says_on_its_new_interfaces()
    {
        var gwlbtun = await StartWithAsync(Sink);
        var flow = new GwlbFlow(Eni, 1);
        await LearnAsync((flow, flow.Packet(0)));
        using (Chatter())
        {
            // Some of each kind, from each device.
            var said = await gwlbtun.WaitForReportAsync(report => Drops(report, "kernelChatter") >= 20);
            Assert.Single(said.GetProperty("drops").EnumerateObject());
            Assert.Equal(0, said.GetProperty("enis")[0].GetProperty("pktsDropped").GetInt32());
            Assert.Equal(0, ReadFromTunnel(said));
        }
        AssertNothingReturned();
        await ReturnAsync(flow, flow.Reply(1));
    }

    [Fact]
    public async Task Should_take_an_idle_tunnel_down_in_time_in_spite_of_it()
    {
        var gwlbtun = await StartWithAsync(TracingHook(), "", "-t", "10");
        var flow = new GwlbFlow(Eni, 1);
        var start = TimeProvider.System.GetTimestamp();
        await EchoAsync(flow, flow.Packet(0));
        // Goes on for as long as the tunnel is there.
        using var chatter = Chatter();
        await gwlbtun.Program.WaitForLineAsync($"hook DESTROY {Gwi}");
        Assert.True(TimeProvider.System.GetElapsedTime(start) >= TimeSpan.FromSeconds(10), "it was taken down too early");
    }

    /// <summary>
    /// Has both devices say all that hosts say: router solicitations, duplicate address detection, listener reports (MLD and IGMP), multicast DNS.
    /// The latter goes on until disposed.
    /// </summary>
    private Repeated Chatter()
    {
        List<Action> sayings = [];
        foreach (var device in new[] { Gwi, Gwo })
        {
            // Addresses as the kernel makes them for itself, and as an administrator gives them.
            Lab.Appliance.Execute("sysctl", "-qw", $"net.ipv6.conf.{device}.addr_gen_mode=3");
            Lab.Appliance.Ip("-6", "addr", "add", "fe80::6a:1/64", "dev", device);
            Lab.Appliance.Ip("addr", "add", "169.254.7.7/16", "dev", device);
            var index = int.Parse(Lab.Appliance.Ip("-o", "link", "show", "dev", device).Split(':')[0]);
            var (socket4, socket6) = Lab.Appliance.Enter(() => (Join4(index), Join6(index)));
            sayings.Add(() => socket4.SendTo("_services._dns-sd._udp.local"u8, new IPEndPoint(_group4, MulticastDns)));
            sayings.Add(() => socket4.SendTo("who is there"u8, new IPEndPoint(IPAddress.Broadcast, 67)));
            sayings.Add(() => socket6.SendTo("_services._dns-sd._udp.local"u8, new IPEndPoint(new IPAddress(_group6.GetAddressBytes(), index), MulticastDns)));
        }
        return new Repeated(sayings, TimeSpan.FromMilliseconds(100));
    }

    private static Socket Join4(int index)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { EnableBroadcast = true };
        socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.AddMembership, new MulticastOption(_group4, index));
        socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.MulticastInterface, IPAddress.HostToNetworkOrder(index));
        socket.SetRawSocketOption(0, 50, BitConverter.GetBytes(IPAddress.HostToNetworkOrder(index))); // IP_UNICAST_IF, linux/in.h: for the broadcast
        return socket;
    }

    private static Socket Join6(int index)
    {
        var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp);
        socket.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.AddMembership, new IPv6MulticastOption(_group6, index));
        socket.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastInterface, index);
        return socket;
    }

    private static long ReadFromTunnel(JsonElement report) => new[] { "tunnelIn", "tunnelOut" }
        .SelectMany(tunnel => report.GetProperty("enis")[0].GetProperty(tunnel).GetProperty("threads").EnumerateArray())
        .Sum(thread => thread.GetProperty("pktsIn").GetInt64());

    /// <summary>Does things again and again until disposed.</summary>
    private sealed class Repeated : IDisposable
    {
        private readonly Timer _timer;

        public Repeated(IReadOnlyList<Action> actions, TimeSpan interval) =>
            _timer = new Timer(_ => { foreach (var action in actions) Try(action); }, null, TimeSpan.Zero, interval);

        public void Dispose()
        {
            using var done = new ManualResetEvent(false);
            _timer.Dispose(done);
            done.WaitOne();
        }

        private static void Try(Action action)
        {
            try
            {
                action();
            }
            catch (SocketException)
            {
                // the device is gone, as one of the tests wants it
            }
        }
    }
}
