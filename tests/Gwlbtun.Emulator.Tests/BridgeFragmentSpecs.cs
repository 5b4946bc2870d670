using System.Net;
using System.Net.Sockets;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

/// <summary>Datagrams larger than the MTU, and ICMP errors that the appliance makes, through the bridge.</summary>
public class BridgeFragmentSpecs
{
    private const int Large = 20_000;

    public static TheoryData<string, string> Addresses() => new() { { "10.1.0.1", "10.2.0.1" }, { "fd01::1", "fd02::1" } };

    [Theory]
    [MemberData(nameof(Addresses))]
    public void Should_carry_fragments_both_ways_with_another_cookie_for_the_later_ones(string client, string server) => Sandbox.Run(() =>
    {
        HashSet<uint> cookies = [];
        using BridgeLab lab = new((right, _) =>
        {
            cookies.Add(BitConverter.ToUInt32(right.Payload, 36));
            return [right];
        });
        using Socket one = Bound(lab.Client, client, 7001), other = Bound(lab.Server, server, 7000);
        byte[] sent = Noise(Large);

        one.SendTo(sent, new IPEndPoint(IPAddress.Parse(server), 7000));
        Assert.Equal(sent, Receive(other, lab));
        other.SendTo(sent, new IPEndPoint(IPAddress.Parse(client), 7001));
        Assert.Equal(sent, Receive(one, lab));

        lab.Stop();
        Assert.Empty(lab.Report.Objections());
        Assert.Equal(2, cookies.Count);
        Assert.Equal(3, lab.Bridge.Server.PacketsDelivered);
    });

    [Theory]
    [InlineData("in order", "")]
    [InlineData("later ones first", "")]
    [InlineData("foreign cookie", nameof(Judgement.PacketsDroppedCount_InvalidGwlbFlowCookie))]
    [InlineData("no first", nameof(Judgement.FragmentWithoutFirst))]
    public void Should_take_the_later_fragments_of_an_answer_with_the_flows_header(string how, string expected)
    {
        foreach (object[] pair in Addresses())
            Sandbox.Run(() => Answer(how, expected, IPAddress.Parse((string)pair[0]), IPAddress.Parse((string)pair[1])));
    }

    private static void Answer(string how, string expected, IPAddress client, IPAddress server)
    {
        byte[] answer = Noise(Large);
        using BridgeLab lab = new((right, _) =>
        {
            byte[] whole = InnerPackets.Udp(server, client, 7000, 7001, answer);
            Reply[] fragments = [.. InnerPackets.Fragments(whole, 8_000, id: 77).Select(right.WithInner)];
            return how switch
            {
                "later ones first" => fragments.Reverse(),
                "foreign cookie" => [fragments[0], fragments[1].WithFlippedByte(39), fragments[2]],
                "no first" => fragments[1..],
                _ => fragments,
            };
        });
        using Socket socket = Bound(lab.Client, client.ToString(), 7001);
        socket.SendTo(new byte[100], new IPEndPoint(server, 7000));
        if (expected.Length == 0)
            Assert.Equal(answer, Receive(socket, lab));
        else
            Assert.True(SpinWait.SpinUntil(() => lab.LoadBalancer.Judgements[Enum.Parse<Judgement>(expected)] != 0, Wait.Patience));
        lab.Stop();
        Assert.Equal(expected.Length != 0, lab.Report.Objections().Any(objection => objection.StartsWith(expected, StringComparison.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(Addresses))]
    public void Should_take_an_ICMP_error_of_the_appliance_with_the_quoted_flows_header(string client, string server)
    {
        foreach (bool isForeign in (bool[])[false, true])
        {
            Sandbox.Run(() =>
            {
                using BridgeLab lab = new((right, _) =>
                {
                    IPAddress router = IPAddress.Parse(client.Contains(':', StringComparison.Ordinal) ? "fd99::1" : "10.99.0.1");
                    Reply error = right.WithInner(InnerPackets.TimeExceeded(router, right.Inner));
                    return [isForeign ? error.WithFlippedByte(39) : error];
                });
                using Socket socket = Bound(lab.Client, client, 7001);
                socket.SendTo(new byte[2_000], new IPEndPoint(IPAddress.Parse(server), 7000));
                Judgement wrong = Judgement.PacketsDroppedCount_InvalidGwlbFlowCookie;
                Assert.True(SpinWait.SpinUntil(() => lab.Bridge.Client.PacketsDelivered + lab.LoadBalancer.Judgements[wrong] == 1, Wait.Patience));
                lab.Stop();
                Assert.Equal(isForeign ? [wrong + " 1"] : [], lab.Report.Objections());
                Assert.Equal(0, lab.Bridge.Server.PacketsDelivered);
            });
        }
    }

    private static Socket Bound(Place place, string address, int port)
    {
        IPEndPoint local = new(IPAddress.Parse(address), port);
        Socket socket = place.Open(local.AddressFamily, SocketType.Dgram);
        socket.Bind(local);
        return socket;
    }

    private static byte[] Receive(Socket socket, BridgeLab lab)
    {
        byte[] received = new byte[65_536];
        bool hasArrived = socket.Poll(Wait.Patience, SelectMode.SelectRead);
        if (!hasArrived)
            Assert.Fail(lab.Describe());
        return received[..socket.Receive(received)];
    }

    private static byte[] Noise(int length)
    {
        byte[] noise = new byte[length];
        Random.Shared.NextBytes(noise);
        return noise;
    }
}
