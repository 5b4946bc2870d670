using System.Net;
using System.Net.Sockets;

namespace Gwlbtun.EndToEnd.Tests.Lab;

/// <summary>A service inside a namespace that answers every datagram, at one address and port.</summary>
internal sealed class UdpServer : IDisposable
{
    private readonly Socket _socket;
    private readonly Thread _thread;

    /// <param name="network">Where it runs.</param>
    /// <param name="address">Where it listens.</param>
    /// <param name="port">On which port.</param>
    /// <param name="answer">Makes an answer from a question.</param>
    public UdpServer(NetworkNamespace network, IPAddress address, int port, Func<byte[], byte[]> answer)
    {
        _socket = network.Enter(() => new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp));
        _socket.Bind(new IPEndPoint(address, port));
        _thread = new Thread(() => Serve(answer)) { IsBackground = true, Name = "UDP server" };
        _thread.Start();
    }

    public void Dispose()
    {
        _socket.Dispose();
        _thread.Join();
    }

    private void Serve(Func<byte[], byte[]> answer)
    {
        var buffer = new byte[ushort.MaxValue];
        EndPoint from = new IPEndPoint(_socket.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0);
        try
        {
            while (true)
            {
                var length = _socket.ReceiveFrom(buffer, ref from);
                _socket.SendTo(answer(buffer[..length]), from);
            }
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            // the test is over
        }
    }
}
