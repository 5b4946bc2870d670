using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Gwlbtun.Comparison.Cases;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Comparison.Load;

/// <summary>
/// Sends the packets of flows, each flow from a source port of its own as far as the ports go. A burst leaves as one send that the kernel
/// or the device cuts up (UDP_SEGMENT, udp(7)). One thread uses it.
/// </summary>
internal sealed unsafe partial class LoadSender : IDisposable
{
    private const int FirstSourcePort = 20_000;
    private const int SourcePorts = 64;
    private const int SolUdp = 17;
    private const int UdpSegment = 103;
    private const int MostSegments = 64; // UDP_MAX_SEGMENTS of linux/udp.h, before it became 128
    private const int MostBytes = 65_000; // of what an IPv4 packet can carry
    private const int BufferBytes = 64 << 20;

    private readonly LoadPackets _packets;
    private readonly Socket[] _sockets;
    private readonly int[] _handles;
    private readonly uint[] _sequences;
    private readonly int _burst, _segments;
    private readonly byte* _buffer;
    private int _flow;

    public LoadSender(BenchmarkCase load, LoadPackets packets, IPAddress from, IPEndPoint to)
    {
        if (load.Burst > 1 && !packets.HasOneLength)
            throw new ArgumentException("A burst is of one length.", nameof(load));
        _packets = packets;
        _burst = load.Burst;
        _sequences = new uint[load.Flows];
        int length = packets.LongestLength;
        _segments = Math.Min(Math.Min(load.Burst, MostSegments), MostBytes / length);
        _buffer = (byte*)NativeMemory.Alloc((nuint)(_segments * length));
        for (int i = 0; i < _segments; i++)
            packets.NoiseOf(length).CopyTo(new Span<byte>(_buffer + i * length + packets.HeadLength, length - packets.HeadLength));
        _sockets = [.. Enumerable.Range(0, SourcePorts).Select(i => Open(from, FirstSourcePort + i, to, _segments > 1 ? length : 0))];
        _handles = [.. _sockets.Select(socket => (int)socket.Handle)];
    }

    public long Sent { get; private set; }

    /// <summary>Sends that the kernel refused, and why the last one.</summary>
    public long Errors { get; private set; }

    public LinuxError LastError { get; private set; }

    public static ushort SourcePortOf(int flow) => (ushort)(FirstSourcePort + flow % SourcePorts);

    /// <summary>Sends the next burst, of the flow whose turn it is.</summary>
    /// <param name="now">Goes into the stamps.</param>
    public void SendBurst(long now)
    {
        for (int left = _burst; left > 0; left -= _segments)
            Send(_flow, Math.Min(left, _segments), now);
        _flow = _flow + 1 < _sequences.Length ? _flow + 1 : 0;
    }

    /// <summary>Sends packets of a flow in one go.</summary>
    public void Send(int flow, int count, long now)
    {
        int length = 0;
        for (int i = 0; i < count; i++)
        {
            uint sequence = _sequences[flow]++;
            _packets.WriteHead(new Span<byte>(_buffer + length, _packets.HeadLength), flow, sequence, now);
            length += _packets.LengthOf(flow, sequence);
        }

        SysResult sent = SysResult.From(send(_handles[flow % SourcePorts], _buffer, (nuint)length, 0));
        if (sent.IsError)
        {
            Errors++;
            LastError = sent.Error;
        }

        Sent += count;
    }

    /// <summary>Forgets the counts, but not the places in the flows.</summary>
    public void Reset() => Sent = Errors = 0;

    public void Dispose()
    {
        foreach (Socket socket in _sockets)
            socket.Dispose();
        NativeMemory.Free(_buffer);
    }

    private static Socket Open(IPAddress from, int port, IPEndPoint to, int segmentLength)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        SocketOption.GrantSendBuffer((int)socket.Handle, BufferBytes);
        socket.Bind(new IPEndPoint(from, port));
        socket.Connect(to);
        if (segmentLength != 0)
            SocketOption.Set((int)socket.Handle, SolUdp, UdpSegment, segmentLength).OrThrow("send bursts in one go (UDP_SEGMENT)");
        return socket;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int fd, byte* buffer, nuint length, int flags);
}
