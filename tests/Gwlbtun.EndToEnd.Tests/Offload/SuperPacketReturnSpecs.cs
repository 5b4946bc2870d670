using System.Buffers.Binary;
using Gwlbtun.EndToEnd.Tests.FlowMatching;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.Offload;

/// <summary>Super-packets on their way back to the load balancer, and what becomes of them when that way changes.</summary>
[Collection(Alone.Name)]
public sealed class SuperPacketReturnSpecs(ITestOutputHelper output) : MatchingSpecs(output)
{
    private const int Repetitions = 10;
    private const string SecondUplink = "uplink2";
    private const string OtherHardwareAddress = "02:00:00:00:00:99";

    private readonly List<UplinkWatch> _watches = [];
    private BurstTraffic _traffic = null!;
    private UplinkWatch _uplink = null!;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _traffic = new BurstTraffic(Gwlb, Eni);
        _uplink = Watch("uplink");
    }

    public override Task DisposeAsync()
    {
        _watches.ForEach(watch => watch.Dispose());
        return base.DisposeAsync();
    }

    [Fact]
    public async Task Should_leave_whole_when_the_link_takes_them()
    {
        await StartWithAsync(Passthrough);
        await _traffic.RunDuringAsync(_uplink.NextSuperPacketAsync);
    }

    [Fact]
    public async Task Should_leave_with_a_udp_checksum_each_when_the_link_takes_none()
    {
        Lab.Appliance.Execute("ethtool", "-K", "uplink", "tx-udp-segmentation", "off", "tx", "off");
        await StartWithAsync(Passthrough);
        UplinkWatch.Arrival? segment = null;
        await _traffic.RunDuringAsync(async () => segment = await _uplink.NextAsync(arrival => arrival.UdpChecksum != 0));

        AssertSound(segment!);
    }

    // A receiver that puts packets together keeps those that have one waiting for others: one without would overtake them.
    [Fact]
    public async Task Should_have_a_udp_checksum_also_when_it_is_a_single_packet()
    {
        Lab.Appliance.Execute("ethtool", "-K", "uplink", "tx", "off");
        await StartWithAsync(Passthrough);
        GwlbFlow flow = new(Eni, 1);
        var arriving = _uplink.NextAsync(arrival => arrival.UdpChecksum != 0);
        // The first go through the raw socket, until it is known where they leave.
        for (uint sequence = 0; !arriving.IsCompleted; sequence++)
            await Gwlb.EchoAsync(flow, sequence);

        AssertSound(await arriving);
    }

    [Theory]
    [InlineData("del 10.77.0.1 dev uplink")]
    [InlineData("replace 10.77.0.1 dev uplink nud failed")]
    [InlineData("change 10.77.0.1 dev uplink nud stale")]
    public async Task Should_lose_nothing_when_the_neighbour_is_forgotten_under_traffic(string change)
    {
        await StartWithAsync(Passthrough);
        await _traffic.RunDuringAsync(_uplink.NextSuperPacketAsync);
        await _traffic.RunDuringAsync(async () =>
        {
            for (var n = 0; n < Repetitions; n++)
            {
                // The kernel throws away what waits for an address when the neighbour is changed before that is known: the appliance has no part
                // in it. "ip neigh flush" would do so by itself, as it begins anew until it finds nothing more to delete.
                while (!Lab.Appliance.Ip("neigh", "show", "to", "10.77.0.1", "dev", "uplink").Contains("lladdr", StringComparison.Ordinal))
                    await Task.Delay(2);
                Lab.Appliance.Ip(["neigh", .. change.Split(' ')]);
                _ = await _uplink.NextSuperPacketAsync();
            }
        });
    }

    [Fact]
    public async Task Should_lose_nothing_and_follow_when_the_neighbours_hardware_address_changes_under_traffic()
    {
        // The load balancer has both addresses at any time: so whatever does not come back was lost by the appliance.
        Lab.Gwlb.Ip("link", "add", "name", "elsewhere", "link", "uplink", "address", OtherHardwareAddress, "type", "macvlan", "mode", "private");
        Lab.Gwlb.Ip("link", "set", "elsewhere", "arp", "off", "up");
        Lab.Gwlb.Execute("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.elsewhere.rp_filter=0");
        var own = Lab.Gwlb.Ip("-o", "link", "show", "dev", "uplink").Split("link/ether ")[1].Split(' ')[0];
        await StartWithAsync(Passthrough);
        await _traffic.RunDuringAsync(_uplink.NextSuperPacketAsync);
        await _traffic.RunDuringAsync(async () =>
        {
            for (var n = 0; n < Repetitions; n++)
            {
                Lab.Appliance.Ip("neigh", "replace", "10.77.0.1", "lladdr", OtherHardwareAddress, "dev", "uplink", "nud", "permanent");
                _ = await _uplink.NextAsync(arrival => arrival.IsSuperPacket && arrival.Type == DeviceSocket.OtherHost);
                Lab.Appliance.Ip("neigh", "replace", "10.77.0.1", "lladdr", own, "dev", "uplink", "nud", "permanent");
                _ = await _uplink.NextAsync(arrival => arrival.IsSuperPacket && arrival.Type != DeviceSocket.OtherHost);
            }
        });
    }

    [Fact]
    public async Task Should_lose_nothing_and_follow_when_the_route_moves_to_another_uplink_under_traffic()
    {
        ApplianceLab.Join(Lab.Gwlb, SecondUplink, "10.78.0.1/24", Lab.Appliance, SecondUplink, "10.78.0.2/24");
        foreach (var network in new[] { Lab.Gwlb, Lab.Appliance })
            network.Execute("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.uplink.rp_filter=0", $"net.ipv4.conf.{SecondUplink}.rp_filter=0");
        var second = Watch(SecondUplink);
        await StartWithAsync(Passthrough);
        await _traffic.RunDuringAsync(_uplink.NextSuperPacketAsync);
        await _traffic.RunDuringAsync(async () =>
        {
            for (var n = 0; n < Repetitions; n++)
            {
                Lab.Appliance.Ip("route", "add", "10.77.0.1/32", "via", "10.78.0.1", "dev", SecondUplink, "src", "10.77.0.2");
                _ = await second.NextSuperPacketAsync();
                Lab.Appliance.Ip("route", "del", "10.77.0.1/32");
                _ = await _uplink.NextSuperPacketAsync();
            }
        });
    }

    [Theory]
    [InlineData("link set uplink mtu 1300", "link set uplink mtu 9001")]
    [InlineData("route replace 10.77.0.0/24 dev uplink src 10.77.0.2 mtu lock 1300", "route replace 10.77.0.0/24 dev uplink src 10.77.0.2")]
    public async Task Should_count_what_is_too_large_and_send_the_rest_when_the_mtu_of_the_way_back_falls(string lower, string raise)
    {
        var gwlbtun = await StartWithAsync(Passthrough);
        await _traffic.RunDuringAsync(_uplink.NextSuperPacketAsync);
        GwlbFlow large = new(Eni, 11, Protocol: InnerPackets.Tcp), small = new(Eni, 12, Protocol: InnerPackets.Udp);
        Lab.Appliance.Ip(lower.Split(' '));

        const int Burst = 12;
        long sent = 0, returned = 0, lost = 0;
        // Until the change is known, large ones may still leave: whichever becomes of one, it is known.
        for (uint sequence = 0; lost < 3 * Burst; sequence += Burst)
        {
            byte[][] Packets(GwlbFlow flow, int bytes) => [.. Enumerable.Range(0, Burst).Select(n => flow.Packet(sequence + (uint)n, bytes))];
            var expected = Packets(small, 400).Concat(Packets(small with { ServerPort = 7 }, 400)).Select(Convert.ToHexString).ToHashSet();
            Gwlb.SendTogether(small, Packets(small, 400));
            Gwlb.SendTogether(large, Packets(large, 1400));
            Gwlb.SendTogether(small, Packets(small with { ServerPort = 7 }, 400));
            sent += Burst;
            while (expected.Count > 0)
            {
                var packet = await Gwlb.ReceiveAsync();
                if (!expected.Remove(Convert.ToHexString(packet.Inner)))
                    returned++;
            }
            var report = await gwlbtun.WaitForReportAsync(report => Drops(report, "sendTooBig") + TakeLarge(large, ref returned) == sent);
            lost = Drops(report, "sendTooBig");
        }

        Lab.Appliance.Ip(raise.Split(' '));
        await _traffic.RunDuringAsync(_uplink.NextSuperPacketAsync);
    }

    [Theory]
    // Two of them wait, and three leave each millisecond.
    [InlineData("root handle 1: htb default 1", "bfifo limit 25kb")]
    // None is small enough for the queue, but each of their packets.
    [InlineData("root handle 1: htb default 1", "bfifo limit 6kb")]
    // It takes them apart, drops what it has no room for, and says nothing.
    [InlineData("root tbf rate 200mbit burst 6kb limit 20kb", null)]
    public async Task Should_lose_none_that_has_to_wait_until_the_uplinks_queue_has_room(string queue, string? waiting)
    {
        // Gwlbtun waits for room for 50 ms, and then for a tenth of the time.
        const int Flows = 8, Burst = 20, Rounds = 2;
        await StartWithAsync(Passthrough);
        await _traffic.RunDuringAsync(_uplink.NextSuperPacketAsync);
        Lab.Appliance.Execute(["tc", .. $"qdisc add dev uplink {queue}".Split(' ')]);
        if (waiting is not null)
        {
            Lab.Appliance.Execute([.. "tc class add dev uplink parent 1: classid 1:1 htb rate 200mbit burst 10kb".Split(' ')]);
            Lab.Appliance.Execute(["tc", .. $"qdisc add dev uplink parent 1:1 {waiting}".Split(' ')]);
        }

        // The kernel is asked anew 50 ms after it has told of the queue, if packets leave then.
        for (uint n = 0; n < 20; n++)
        {
            var alone = new GwlbFlow(Eni, 19);
            Gwlb.SendTogether(alone, [alone.Packet(n, 400)]);
            _ = await Gwlb.ReceiveAsync();
            await Task.Delay(10);
        }

        GwlbFlow[] flows = [.. Enumerable.Range(0, Flows).Select(n => new GwlbFlow(Eni, 20 + n))];
        var expected = new HashSet<(uint Cookie, uint Sequence)>();
        for (uint round = 0; round < Rounds; round++)
        {
            foreach (var flow in flows)
            {
                byte[][] packets = [.. Enumerable.Range(0, Burst).Select(n => flow.Packet((round * Burst) + (uint)n, 400))];
                Gwlb.SendTogether(flow, packets);
                expected.UnionWith(packets.Select(packet => (flow.Cookie, InnerPackets.Sequence(packet))));
            }

            while (expected.Count > 0)
            {
                var returned = await Gwlb.ReceiveAsync();
                Assert.True(expected.Remove((returned.Cookie, returned.Sequence)), $"packet {returned.Sequence} with cookie {returned.Cookie:x8} came back twice");
            }
        }
    }

    [Fact]
    public async Task Should_return_bursts_through_bound_sockets_when_raw_ones_are_not_to_be_had()
    {
        _ = await StartWrappedAsync(["setpriv", "--bounding-set", "-all,+net_admin", "--inh-caps", "-all"], "-c", Passthrough);
        await _traffic.RunDuringAsync(() => Task.CompletedTask, atLeast: 100);
    }

    private static void AssertSound(UplinkWatch.Arrival packet)
    {
        Assert.False(packet.IsSuperPacket);
        var udp = packet.Packet.AsSpan(20, BinaryPrimitives.ReadUInt16BigEndian(packet.Packet.AsSpan(24)));
        // Summed over with its own checksum, what was summed up gives zero, of which Checksum makes the other form.
        Assert.Equal(0xFFFF, InnerPackets.Checksum(udp, InnerPackets.PseudoHeader(packet.Packet, v6: false, InnerPackets.Udp, udp.Length)));
    }

    private UplinkWatch Watch(string device)
    {
        UplinkWatch watch = new(Lab.Gwlb, device);
        _watches.Add(watch);
        return watch;
    }

    /// <summary>How many large packets have come back, with those that have just arrived.</summary>
    private long TakeLarge(GwlbFlow large, ref long returned)
    {
        while (Gwlb.TryReceive(out var packet))
        {
            Assert.Equal(large.Cookie, packet!.Cookie);
            returned++;
        }
        return returned;
    }
}
