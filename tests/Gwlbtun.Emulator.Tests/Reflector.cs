using System.Net;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Emulator.Tests;

/// <summary>What the reflector is about to return. Changing it plays a faulty handler.</summary>
internal sealed record Reply(byte[] Payload, IPAddress Source, ushort SourcePort, ushort DestinationPort)
{
    /// <summary>Bytes of the Geneve header that the load balancer writes.</summary>
    public const int InnerOffset = 40;

    /// <summary>The load balancer's outer address that it came from, and goes back to.</summary>
    public required IPAddress Destination { get; init; }

    /// <summary>The Geneve header.</summary>
    public byte[] Header => Payload[..InnerOffset];

    /// <summary>The packet inside.</summary>
    public byte[] Inner => Payload[InnerOffset..];

    /// <summary>A copy with another packet inside.</summary>
    public Reply WithInner(byte[] packet) => this with { Payload = [.. Payload[..InnerOffset], .. packet] };

    /// <summary>A copy with the headers of another one.</summary>
    public Reply WithHeadersOf(Reply other) => other with { Payload = [.. other.Header, .. Inner] };

    /// <summary>A copy with one byte of the UDP payload changed.</summary>
    public Reply WithFlippedByte(int offset, byte mask = 0x55)
    {
        byte[] payload = [.. Payload];
        payload[offset] ^= mask;
        return this with { Payload = payload };
    }
}

/// <summary>
/// The smallest appliance: returns each datagram to its sender as a handler must, with addresses swapped and ports kept, or as a test
/// would have it. Works in the namespace of the thread that starts it.
/// </summary>
internal sealed unsafe class Reflector : IDisposable
{
    private readonly UdpSocket _receiver;
    private readonly RawSocket _sender;
    private readonly ReceiveBatch _incoming = new();
    private readonly SendBatch _outgoing = new(packets: 256);
    private readonly Func<Reply, int, IEnumerable<Reply>>? _play;
    private readonly Thread _thread;
    private readonly int _port;
    private volatile bool _stop;
    private int _count;

    /// <param name="address">The appliance's address.</param>
    /// <param name="port">The Geneve port.</param>
    /// <param name="play">What to return for a right reply and its number; null returns each as it is.</param>
    public Reflector(IPAddress address, int port, Func<Reply, int, IEnumerable<Reply>>? play = null)
    {
        _port = port;
        _play = play;
        _receiver = UdpSocket.Open(new IPEndPoint(address, port), 64 << 20);
        _sender = RawSocket.TryOpen(64 << 20, out LinuxError error) ?? throw new LinuxException("open a raw socket", error);
        _thread = new Thread(Run);
        _thread.Start();
    }

    public void Dispose()
    {
        _stop = true;
        _thread.Join();
        _receiver.Dispose();
        _sender.Dispose();
        _incoming.Dispose();
        _outgoing.Dispose();
    }

    private void Run()
    {
        using Epoll epoll = new(1);
        epoll.Add(_receiver.Handle, 0);
        while (!_stop)
        {
            _ = epoll.Wait(timeoutMs: 20);
            SysResult received = _incoming.Receive(_receiver);
            for (int i = 0; i < (received.IsError ? 0 : received.Value); i++)
            {
                _incoming.Get(i, out ReceivedDatagram datagram);
                if (_play is null)
                    Append(new ReadOnlySpan<byte>(datagram.Payload, datagram.Length), datagram.DestinationAddress, datagram.SourceAddress, datagram.SourcePort, (ushort)_port);
                else
                    Play(datagram);
            }

            for (int sent = 0; sent < _outgoing.Count;)
            {
                SysResult result = _outgoing.Send(_sender.Handle, sent, _outgoing.Count - sent);
                sent += result.IsError ? result.Errno == LinuxError.EAGAIN ? 0 : 1 : result.Value;
            }

            _outgoing.Clear();
        }
    }

    private void Play(in ReceivedDatagram datagram)
    {
        Reply right = new(new ReadOnlySpan<byte>(datagram.Payload, datagram.Length).ToArray(), new IPAddress(datagram.DestinationAddress), datagram.SourcePort, (ushort)_port) { Destination = new IPAddress(datagram.SourceAddress) };
        foreach (Reply reply in _play!(right, _count++))
            Append(reply.Payload, BitConverter.ToUInt32(reply.Source.GetAddressBytes()), BitConverter.ToUInt32(reply.Destination.GetAddressBytes()), reply.SourcePort, reply.DestinationPort);
    }

    private void Append(ReadOnlySpan<byte> payload, uint source, uint destination, ushort sourcePort, ushort destinationPort)
    {
        byte* start = _outgoing.Packets.Next;
        OuterHeader.Write(new Span<byte>(start, OuterHeader.Length), source, destination, sourcePort, destinationPort, payload.Length);
        payload.CopyTo(new Span<byte>(start + OuterHeader.Length, PacketSlab.PacketBytes));
        _outgoing.Packets.Take(OuterHeader.Length + payload.Length);
        _outgoing.Append(start, OuterHeader.Length + payload.Length, destination, 0);
    }
}
