using System.Net;
using System.Net.Sockets;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Tests.Forwarding;
using Xunit;

namespace Gwlbtun.Native.Tests.Linux;

/// <summary>A real socket on the loopback device.</summary>
public sealed class UdpSocketSpecs
{
    [Fact]
    public void Should_tell_how_full_its_receive_buffer_is() => NetworkNamespace.Run(() =>
    {
        using var socket = UdpSocket.Open(new IPEndPoint(IPAddress.Loopback, 6081), 1 << 20);
        using var batch = new ReceiveBatch(256);
        using var sender = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        Assert.Equal(0, socket.WaitingShare);
        // The kernel counts more than the payload.
        for (var i = 0; i < 60; i++)
            sender.SendTo(new byte[8_000], socket.EndPoint);
        Assert.InRange(socket.WaitingShare, 0.2, 1);
        while (!batch.Receive(socket).IsError)
        {
        }

        Assert.Equal(0, socket.WaitingShare);
    });
}
