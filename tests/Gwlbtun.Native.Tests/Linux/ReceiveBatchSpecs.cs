using System.Net;
using System.Net.Sockets;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Tests.Forwarding;
using Xunit;

namespace Gwlbtun.Native.Tests.Linux;

/// <summary>A real socket on the loopback device.</summary>
public sealed class ReceiveBatchSpecs
{
    [Theory]
    [InlineData(60_000, 8)]
    [InlineData(8_000, 65)]
    [InlineData(100, 256)]
    public void Should_take_no_more_at_once_than_a_cache_holds(int bytes, int expected) => NetworkNamespace.Run(() =>
    {
        using var socket = UdpSocket.Open(new IPEndPoint(IPAddress.Loopback, 6081), 64 << 20);
        using var batch = new ReceiveBatch(256);
        using var sender = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        Send(sender, socket, bytes, 1);
        Assert.Equal(1, batch.Receive(socket).OrThrow("receive"));
        Assert.False(batch.MayHaveLeftSome);

        Send(sender, socket, bytes, expected + 3);

        Assert.Equal(expected, batch.Receive(socket).OrThrow("receive"));
        Assert.True(batch.MayHaveLeftSome);
        Assert.Equal(3, batch.Receive(socket).OrThrow("receive"));
        Assert.False(batch.MayHaveLeftSome);
    });

    [Fact]
    public void Should_take_many_again_once_they_are_small() => NetworkNamespace.Run(() =>
    {
        using var socket = UdpSocket.Open(new IPEndPoint(IPAddress.Loopback, 6081), 64 << 20);
        using var batch = new ReceiveBatch(256);
        using var sender = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        Send(sender, socket, 60_000, 1);
        _ = batch.Receive(socket).OrThrow("receive");
        Send(sender, socket, 0, 300);

        var taken = new List<int>();
        while (taken.Sum() < 300)
            taken.Add(batch.Receive(socket).OrThrow("receive"));

        Assert.Equal([8, 16, 32, 64, 128, 52], taken);
    });

    private static void Send(Socket sender, UdpSocket to, int bytes, int count)
    {
        var datagram = new byte[bytes];
        for (var i = 0; i < count; i++)
            sender.SendTo(datagram, to.EndPoint);
    }
}
