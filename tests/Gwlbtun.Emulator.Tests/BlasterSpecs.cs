using System.Net;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

public class BlasterSpecs
{
    private static readonly IPAddress _appliance = IPAddress.Parse("127.0.0.2");

    private static readonly LoadBalancerOptions _loadBalancer = new() { Appliances = [_appliance], Local = IPAddress.Loopback };

    private static readonly BlastOptions _few = new() { Flows = 4, Packets = 100, Window = 16, Duration = Wait.Patience, Patience = Wait.Patience };

    // Where some stay away for good.
    private static readonly TimeSpan _brief = TimeSpan.FromSeconds(4);

    public static TheoryData<string> Traffic() => ["udp", "tcp", "icmp", "mix", "tcp6", "bursts", "imix", "rate", "endpoints", "large"];

    [Theory]
    [MemberData(nameof(Traffic))]
    public void Should_find_nothing_wrong_with_a_right_appliance(string traffic)
    {
        BlastOptions options = _few with { Flows = 200, Packets = 5_000, Window = 512 };
        options = traffic switch
        {
            "tcp" => options with { Protocol = BlastProtocol.Tcp },
            "icmp" => options with { Protocol = BlastProtocol.Icmp, Ip = BlastIp.Mix },
            "mix" => options with { Protocol = BlastProtocol.Mix, Ip = BlastIp.Mix },
            "tcp6" => options with { Protocol = BlastProtocol.Tcp, Ip = BlastIp.V6, Sizes = SizeMix.Parse("64") },
            "bursts" => options with { Burst = 25 },
            "imix" => options with { Protocol = BlastProtocol.Mix, Sizes = SizeMix.Parse("64:7,576:4,1400:1") },
            "rate" => options with { Rate = 10_000 },
            "large" => options with { Sizes = SizeMix.Parse("8500,8812") },
            _ => options,
        };
        LoadBalancerOptions loadBalancer = traffic == "endpoints" ? _loadBalancer with { Endpoints = 50 } : _loadBalancer;

        Sandbox.Run(() =>
        {
            (BlastResult result, LoadBalancer after) = Blast(options, loadBalancer);

            Assert.Empty(result.Objections(new HashSet<Judgement>(), maximumLoss: 0));
            Assert.Equal((5_000, 5_000, 0), (result.Sent, result.Returned, result.Lost));
            Assert.Equal(5_000, result.Latency.Count);
            Assert.Equal((200, 200, 200), (after.Metrics.NewFlowCount, after.Metrics.ActiveFlowCount, after.Metrics.PeakFlowCount));
        });
    }

    public static TheoryData<string, string> Faults() => new()
    {
        { "swapped ports", nameof(Judgement.PacketsDroppedCount_InvalidGeneveTunnel) },
        { "another source port", nameof(Judgement.PacketsDroppedCount_InvalidGeneveTunnel) },
        { "another source address", nameof(Judgement.PacketsDroppedCount_InvalidGeneveTunnel) },
        { "another endpoint", nameof(Judgement.PacketsDroppedCount_InvalidGwlbEndpointId) },
        { "no options", nameof(Judgement.PacketsDroppedCount_InvalidGwlbEndpointId) },
        { "another cookie", nameof(Judgement.PacketsDroppedCount_InvalidGwlbFlowCookie) },
        { "another flow", nameof(Judgement.PacketsDroppedCount_MissingFlowEntry) },
        { "another attachment ID", nameof(Judgement.BadGeneveHeader) },
        { "another VNI", nameof(Judgement.BadGeneveHeader) },
        { "another protocol type", nameof(Judgement.BadGeneveHeader) },
        { "cut in the header", nameof(Judgement.BadGeneveHeader) },
        { "a byte more", nameof(Judgement.BadInnerBytes) },
        { "a byte less", nameof(Judgement.BadInnerBytes) },
        { "a changed byte with a matching checksum", nameof(Judgement.BadInnerBytes) },
        { "a changed number with a matching checksum", nameof(Judgement.BadInnerBytes) },
        { "a raised hop limit", nameof(Judgement.BadInnerBytes) },
        { "a changed payload", nameof(Judgement.BadChecksum) },
        { "a changed number", nameof(Judgement.BadChecksum) },
        { "a changed UDP checksum", nameof(Judgement.BadChecksum) },
        { "a changed IPv4 checksum", nameof(Judgement.BadChecksum) },
        { "twice", nameof(Judgement.Duplicated) },
        { "overtaken", nameof(Judgement.Reordered) },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Should_name_the_fault_when_the_appliance_returns(string fault, string expected)
    {
        const int Inner = Reply.InnerOffset;
        List<Reply> held = [];
        IEnumerable<Reply> Play(Reply right, int number)
        {
            // The first packet of each flow opens it; one of the later ones is spoilt.
            if (number is < 50 or > 51 || (number == 51 && fault != "overtaken"))
                return [right];
            switch (fault)
            {
                case "swapped ports":
                    return [right with { SourcePort = right.DestinationPort, DestinationPort = right.SourcePort }];
                case "another source port":
                    return [right with { SourcePort = (ushort)(right.SourcePort ^ 1) }];
                case "another source address":
                    return [right with { Source = IPAddress.Parse("127.0.0.3") }];
                case "another endpoint":
                    return [right.WithFlippedByte(12)];
                case "no options":
                    return [right with { Payload = [0, .. right.Payload[1..8], .. right.Payload[Inner..]] }];
                case "another cookie":
                    return [right.WithFlippedByte(39)];
                case "another flow":
                    return [Spoilt(right, Inner + 12)]; // 95.64.x.x
                case "another attachment ID":
                    return [right.WithFlippedByte(24)];
                case "another VNI":
                    return [right.WithFlippedByte(4)];
                case "another protocol type":
                    return [right.WithFlippedByte(3)];
                case "cut in the header":
                    return [right with { Payload = right.Payload[..39] }];
                case "a byte more":
                    return [right with { Payload = [.. right.Payload, 0] }];
                case "a byte less":
                    return [right with { Payload = right.Payload[..^1] }];
                case "a changed byte with a matching checksum":
                    return [Spoilt(right, Inner + 100)];
                case "a changed number with a matching checksum":
                    return [Spoilt(right, Inner + 28 + 6)];
                case "a raised hop limit":
                    return [Spoilt(right, Inner + 8, mask: 0x80)];
                case "a changed payload":
                    return [right.WithFlippedByte(Inner + 100)];
                case "a changed number":
                    return [right.WithFlippedByte(Inner + 28 + 6)];
                case "a changed UDP checksum":
                    return [right.WithFlippedByte(Inner + 26)];
                case "a changed IPv4 checksum":
                    return [right.WithFlippedByte(Inner + 10)];
                case "twice":
                    return [right, right];
                default: // overtaken: with one flow, 51 is sent before 50
                    held.Add(right);
                    return held.Count == 2 ? [held[1], held[0]] : [];
            }
        }

        Sandbox.Run(() =>
        {
            // The load balancer does not see what is sent to another port.
            BlastOptions options = fault switch { "overtaken" => _few with { Flows = 1 }, "swapped ports" => _few with { Patience = _brief }, _ => _few };
            (BlastResult result, _) = Blast(options, _loadBalancer, Play);

            Assert.Equal(new Dictionary<string, long> { [expected] = 1 }, result.Judgements.Faults().Where(found => found.Value != 0).ToDictionary());
            bool isLost = expected is not (nameof(Judgement.Duplicated) or nameof(Judgement.Reordered));
            Assert.Equal((100, isLost ? 1 : 0), (result.Sent, result.Lost));
            Assert.NotEmpty(result.Objections(new HashSet<Judgement>(), maximumLoss: 100));
            Assert.Empty(result.Objections(new HashSet<Judgement> { Enum.Parse<Judgement>(expected) }, maximumLoss: 100));
        });
    }

    [Fact]
    public void Should_count_what_is_not_returned()
    {
        IEnumerable<Reply> Play(Reply right, int number) => number % 10 == 0 ? [] : [right];

        Sandbox.Run(() =>
        {
            (BlastResult result, _) = Blast(_few with { Window = 64, Patience = _brief }, _loadBalancer, Play);

            Assert.Equal((100, 90, 10), (result.Sent, result.Returned, result.Lost));
            Assert.Equal(new Dictionary<string, long> { ["NotReturned"] = 10 }, result.LossByReason());
            Assert.Single(result.Objections(new HashSet<Judgement>(), maximumLoss: 9));
            Assert.Empty(result.Objections(new HashSet<Judgement>(), maximumLoss: 10));
        });
    }

    [Fact]
    public void Should_give_up_lost_packets_and_go_on_when_the_window_is_full_of_them()
    {
        IEnumerable<Reply> Play(Reply right, int number) => number is >= 20 and < 40 ? [] : [right];

        Sandbox.Run(() =>
        {
            (BlastResult result, _) = Blast(_few with { Patience = _brief }, _loadBalancer, Play);
            Assert.Equal((100, 80), (result.Sent, result.Returned));
        });
    }

    [Fact]
    public void Should_give_a_flow_a_new_cookie_when_it_was_idle_too_long() => Sandbox.Run(() =>
    {
        // One packet of 128 bytes after the other, and a clock that stands still while one is on its way, and advances when it is back.
        LoadBalancer loadBalancer = new(_loadBalancer with { OtherIdle = TimeSpan.FromMilliseconds(20) });
        using Reflector reflector = new(_appliance, _loadBalancer.Port);
        using Blaster blaster = new(_few with { Flows = 1, Packets = 4, Window = 1 }, _loadBalancer, loadBalancer, () => 100 * (loadBalancer.Metrics.ProcessedBytes / (2 * 128)));

        BlastResult result = blaster.Run(CancellationToken.None);

        Assert.Equal((4, 4), (result.Sent, result.Returned));
        Assert.Equal(4, loadBalancer.Metrics.NewFlowCount);
    });

    [Fact]
    public void Should_send_no_new_flows_when_no_target_is_healthy() => Sandbox.Run(() =>
    {
        LoadBalancer loadBalancer = new(_loadBalancer);
        loadBalancer.Targets[0].IsHealthy = false;
        using Blaster blaster = new(_few with { Duration = TimeSpan.FromMilliseconds(100) }, _loadBalancer, loadBalancer);

        BlastResult result = blaster.Run(CancellationToken.None);

        Assert.Equal(0, result.Sent);
        Assert.True(loadBalancer.Metrics.NoHealthyTarget > 0);
        Assert.Contains("nothing was sent", result.Objections(new HashSet<Judgement>(), maximumLoss: 100));
    });

    [Fact]
    public void Should_allocate_nothing_by_the_packet() => Sandbox.Run(() =>
    {
        using Reflector reflector = new(_appliance, _loadBalancer.Port);
        using Blaster blaster = new(_few with { Flows = 64, Packets = 20_000, Window = 512, Protocol = BlastProtocol.Mix, Ip = BlastIp.Mix }, _loadBalancer, new LoadBalancer(_loadBalancer));
        long before = GC.GetAllocatedBytesForCurrentThread();
        BlastResult result = blaster.Run(CancellationToken.None);
        Assert.Equal(20_000, result.Returned);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20_000);
    });

    // Changes a byte and makes every checksum right again, as a careless merge of packets would.
    private static Reply Spoilt(Reply right, int offset, byte mask = 0x55)
    {
        byte[] payload = right.WithFlippedByte(offset, mask).Payload;
        Span<byte> packet = payload.AsSpan(Reply.InnerOffset);
        (packet[10], packet[11], packet[26], packet[27]) = (0, 0, 0, 0);
        InnerPacket.TryParse(packet, out InnerPacket inner);
        (ushort ip, ushort udp) = (InternetChecksum.Compute(packet[..20]), InternetChecksum.Transport(packet, inner));
        (packet[10], packet[11], packet[26], packet[27]) = ((byte)(ip >> 8), (byte)ip, (byte)(udp >> 8), (byte)udp);
        return right with { Payload = payload };
    }

    private static (BlastResult Result, LoadBalancer After) Blast(BlastOptions options, LoadBalancerOptions loadBalancerOptions, Func<Reply, int, IEnumerable<Reply>>? play = null)
    {
        using Reflector reflector = new(_appliance, loadBalancerOptions.Port, play);
        LoadBalancer loadBalancer = new(loadBalancerOptions);
        using Blaster blaster = new(options, loadBalancerOptions, loadBalancer);
        return (blaster.Run(CancellationToken.None), loadBalancer);
    }
}
