using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

public class BridgeSpecs
{
    [Theory]
    [InlineData("10.1.0.1", "10.2.0.1")]
    [InlineData("fd01::1", "fd02::1")]
    public void Should_carry_TCP_both_ways_in_one_flow(string client, string server) => Sandbox.Run(() =>
    {
        using BridgeLab lab = new();
        byte[] sent = new byte[20_000_000];
        Random.Shared.NextBytes(sent);
        IPEndPoint endPoint = new(IPAddress.Parse(server), 7000);
        using Socket listener = lab.Server.Open(endPoint.AddressFamily, SocketType.Stream);
        listener.Bind(endPoint);
        listener.Listen();
        Thread echo = new(() =>
        {
            using Socket accepted = listener.Accept();
            byte[] buffer = new byte[65_536];
            for (int length; (length = accepted.Receive(buffer)) > 0;)
                accepted.Send(buffer.AsSpan(0, length));
        });
        echo.Start();

        using Socket connection = lab.Client.Open(endPoint.AddressFamily, SocketType.Stream);
        connection.Connect(endPoint);
        Assert.Equal(IPAddress.Parse(client), ((IPEndPoint)connection.LocalEndPoint!).Address);
        Thread sending = new(() =>
        {
            connection.Send(sent);
            connection.Shutdown(SocketShutdown.Send);
        });
        sending.Start();
        using MemoryStream received = new();
        using NetworkStream stream = new(connection);
        stream.CopyTo(received);
        sending.Join();
        echo.Join();

        Assert.Equal(SHA256.HashData(sent), SHA256.HashData(received.ToArray()));
        lab.Stop();
        Assert.Empty(lab.Report.Objections());
        Assert.Equal(1, lab.LoadBalancer.Metrics.NewFlowCount);
        Assert.True(lab.Bridge.Client.BytesDelivered > sent.Length);
        Assert.True(lab.Bridge.Server.BytesDelivered > sent.Length);
        Assert.True(lab.LoadBalancer.Metrics.ProcessedBytes > 4 * sent.Length);
    });

    [Fact]
    public void Should_carry_packets_as_large_as_the_MTU() => Sandbox.Run(() =>
    {
        using BridgeLab lab = new();
        lab.Client.Namespace.Run("ping", "-c", "2", "-i", "0.1", "-s", "8472", "-M", "do", "10.2.0.1");
        lab.Client.Namespace.Run("ping", "-c", "2", "-i", "0.1", "-s", "8452", "-M", "do", "fd02::1");
        // ping ends soon after its last request, answered or not.
        Assert.True(SpinWait.SpinUntil(() => (lab.Bridge.Client.PacketsDelivered, lab.Bridge.Server.PacketsDelivered) == (4, 4), Wait.Patience));
        lab.Stop();
        Assert.Empty(lab.Report.Objections());
    });

    [Fact]
    public void Should_deliver_to_the_client_what_the_appliance_itself_answers() => Sandbox.Run(() =>
    {
        // An appliance that ends the flow: it answers echo requests with the client as their destination.
        using BridgeLab lab = new((right, _) => [Answer(right)]);
        lab.Client.Namespace.Run("ping", "-c", "2", "-i", "0.1", "10.2.0.1");
        Assert.True(SpinWait.SpinUntil(() => lab.Bridge.Client.PacketsDelivered == 2, Wait.Patience));
        lab.Stop();
        Assert.Empty(lab.Report.Objections());
        Assert.Equal((2, 0), (lab.Bridge.Client.PacketsDelivered, lab.Bridge.Server.PacketsDelivered));
    });

    [Fact]
    public void Should_not_let_data_open_a_TCP_flow() => Sandbox.Run(() =>
    {
        using BridgeLab lab = new();
        // Nothing listens there: the server answers SYN with RST, and both are one flow. A lone RST is none.
        using Socket connection = lab.Client.Open(AddressFamily.InterNetwork, SocketType.Stream);
        Assert.Throws<SocketException>(() => connection.Connect(new IPEndPoint(IPAddress.Parse("10.2.0.1"), 7000)));
        byte[] reset = new byte[40];
        (reset[0], reset[3], reset[8], reset[9], reset[32], reset[33]) = (0x45, 40, 64, 6, 0x50, 0x04);
        using Socket raw = lab.Client.Open(AddressFamily.InterNetwork, SocketType.Raw, (ProtocolType)255);
        IPAddress.Parse("10.1.0.1").GetAddressBytes().CopyTo(reset, 12);
        IPAddress.Parse("10.2.0.1").GetAddressBytes().CopyTo(reset, 16);
        raw.SendTo(reset, new IPEndPoint(IPAddress.Parse("10.2.0.1"), 0));

        Assert.True(SpinWait.SpinUntil(() => lab.LoadBalancer.Metrics.NoFlowForData == 1, Wait.Patience));
        lab.Stop();
        Assert.Equal((1, 1), (lab.LoadBalancer.Metrics.NewFlowCount, lab.Bridge.Server.PacketsDelivered));
    });

    [Theory]
    [InlineData("too large", nameof(Judgement.TooLarge))]
    [InlineData("unknown flow", nameof(Judgement.PacketsDroppedCount_MissingFlowEntry))]
    [InlineData("bad checksum", nameof(Judgement.BadChecksum))]
    [InlineData("cut", nameof(Judgement.BadInnerBytes))]
    public void Should_name_the_fault_when_the_appliance_returns(string fault, string expected) => Sandbox.Run(() =>
    {
        using BridgeLab lab = new((right, number) => number != 0 ? [right] : fault switch
        {
            "too large" => [Enlarged(right, 8_501)],
            "unknown flow" => [right.WithFlippedByte(Reply.InnerOffset + 13)],
            "bad checksum" => [right.WithFlippedByte(Reply.InnerOffset + 28)],
            _ => [right with { Payload = right.Payload[..^1] }],
        });
        using Socket socket = lab.Client.Open(AddressFamily.InterNetwork, SocketType.Dgram);
        socket.SendTo(new byte[100], new IPEndPoint(IPAddress.Parse("10.2.0.1"), 7000));

        Assert.True(SpinWait.SpinUntil(() => lab.LoadBalancer.Judgements[Enum.Parse<Judgement>(expected)] == 1, Wait.Patience));
        lab.Stop();
        Assert.Equal([expected + " 1"], lab.Report.Objections());
    });

    private static Reply Answer(Reply right)
    {
        byte[] payload = [.. right.Payload];
        Span<byte> packet = payload.AsSpan(Reply.InnerOffset);
        right.Payload.AsSpan(Reply.InnerOffset + 12, 4).CopyTo(packet[16..]);
        right.Payload.AsSpan(Reply.InnerOffset + 16, 4).CopyTo(packet[12..]);
        (packet[20], packet[22], packet[23]) = (0, 0, 0); // echo reply
        ushort checksum = InternetChecksum.Compute(packet[20..]);
        (packet[22], packet[23]) = ((byte)(checksum >> 8), (byte)checksum);
        return right with { Payload = payload };
    }

    private static Reply Enlarged(Reply right, int size)
    {
        byte[] payload = [.. right.Payload, .. new byte[size - (right.Payload.Length - Reply.InnerOffset)]];
        (payload[Reply.InnerOffset + 2], payload[Reply.InnerOffset + 3]) = ((byte)(size >> 8), (byte)size);
        return right with { Payload = payload };
    }
}
