using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Offload;

/// <summary>
/// Finds out, once at the start, which super-packets this kernel takes and gives unharmed: some lack a kind, and some had bugs that
/// refuse or corrupt them. Packets are sent through a throw-away TUN device and compared byte for byte.
/// </summary>
internal sealed unsafe class OffloadProbe : IDisposable
{
    // At random, in 15 bytes: processes of several containers may have the same number, and share a network.
    private static readonly string _deviceName = $"gwprobe{Random.Shared.Next(1 << 28):x}";
    private const int Mtu = 8500;
    private const int QueueLength = 64;
    private const int BufferBytes = VirtioNetHeader.Length + ushort.MaxValue;

    // Through a device and back is a matter of microseconds; where nothing comes, this long is waited.
    private const int WaitMs = 200;

    private static readonly MergeKinds[] _kinds = [MergeKinds.Tcp4, MergeKinds.Tcp6, MergeKinds.Udp4, MergeKinds.Udp6];

    private readonly TunDevice _device;
    private readonly PacketSocket _socket;
    private readonly byte[] _originals = GC.AllocateArray<byte>(ProbePackets.Count * ProbePackets.Stride, pinned: true);
    private readonly byte[] _packets = GC.AllocateArray<byte>(ProbePackets.Count * ProbePackets.Stride, pinned: true);
    private readonly byte[] _buffer = GC.AllocateArray<byte>(BufferBytes, pinned: true);

    private OffloadProbe(TunDevice device, PacketSocket socket)
    {
        _device = device;
        _socket = socket;
    }

    /// <summary>Tries what is wanted.</summary>
    /// <param name="wanted">Kinds of super-packets, each way.</param>
    /// <param name="problem">Why nothing could be tried, as without CAP_NET_RAW; null when it could.</param>
    /// <returns>What of it works.</returns>
    public static OffloadFeatures Run(OffloadFeatures wanted, out string? problem)
    {
        problem = null;
        if (wanted == OffloadFeatures.None)
            return wanted;
        TunDevice? device = null;
        PacketSocket? socket = null;
        try
        {
            device = TunDevice.Create(_deviceName, queues: 1, withVirtioHeaders: true);
            RouteNetlink.BringUp(device.InterfaceIndex, Mtu, QueueLength);
            // On an interface that is down its first receive would fail.
            socket = PacketSocket.TryOpen(device.InterfaceIndex, out var error) ?? throw new LinuxException("open a packet socket", error);
            using var probe = new OffloadProbe(device, socket);
            return probe.Try(wanted);
        }
        catch (LinuxException e)
        {
            socket?.Dispose();
            device?.Dispose();
            problem = e.Message;
            return OffloadFeatures.None;
        }
    }

    public void Dispose()
    {
        _socket.Dispose();
        _device.Dispose();
    }

    private OffloadFeatures Try(OffloadFeatures wanted)
    {
        var into = MergeKinds.None;
        foreach (var kind in _kinds)
        {
            if ((wanted.Into & kind) != 0 && GoesInWhole(kind))
                into |= kind;
        }

        // The device gives no super-packets yet.
        var send = wanted.Send && ComesOutUnharmed(MergeKinds.Udp4);
        var offloads = OffloadFeatures.OffloadsFor(wanted.OutOf);
        // Kernels before 6.2 know no USO.
        if (_device.SetOffload(offloads).IsError && _device.SetOffload(offloads = OffloadFeatures.OffloadsFor(wanted.OutOf & (MergeKinds.Tcp4 | MergeKinds.Tcp6))).IsError)
            return new(into, MergeKinds.None, send);
        var outOf = MergeKinds.None;
        foreach (var kind in _kinds)
        {
            if ((OffloadFeatures.KindsOf(offloads) & kind) != 0 && ComesOutUnharmed(kind))
                outOf |= kind;
        }

        return new(into, outOf, send);
    }

    // Written as one, and seen by the host as one that is made of the same packets.
    private bool GoesInWhole(MergeKinds kind)
    {
        var length = Merge(kind);
        fixed (byte* merged = _buffer)
        {
            if (length == 0 || _device.Write(0, merged, length).IsError)
                return false;
        }

        return ReceivesOriginals(kind, isFromHost: false);
    }

    // Sent by the host as one, and read from the device as one or several that are the same packets.
    private bool ComesOutUnharmed(MergeKinds kind)
    {
        var length = Merge(kind);
        fixed (byte* merged = _buffer)
        {
            if (length == 0 || _socket.Send(merged, length, kind is MergeKinds.Tcp4 or MergeKinds.Udp4 ? EtherType.Ipv4 : EtherType.Ipv6).IsError)
                return false;
        }

        return ReceivesOriginals(kind, isFromHost: true);
    }

    // Leaves the super-packet in the buffer.
    private int Merge(MergeKinds kind)
    {
        ProbePackets.Write(kind, _originals);
        _originals.CopyTo(_packets, 0);
        var coalescer = new Coalescer(kind, ProbePackets.Count);
        fixed (byte* packets = _packets)
        {
            for (var i = 0; i < ProbePackets.Count; i++)
            {
                var packet = packets + (i * ProbePackets.Stride) + VirtioNetHeader.Length;
                _ = InnerPacket.TryParse(new(packet, ProbePackets.LengthOf(kind, i)), out var inner);
                coalescer.Add(packet, inner, owner: 0, flow: 0);
            }

            var pieces = stackalloc IoVector[SuperPacket.MaximumSegments];
            var count = coalescer.GroupCount == 1 ? coalescer.Seal(0, pieces) : 0;
            var length = 0;
            for (var i = 0; i < count; i++)
            {
                new ReadOnlySpan<byte>(pieces[i].Base, (int)pieces[i].Length).CopyTo(_buffer.AsSpan(length));
                length += (int)pieces[i].Length;
            }

            return length;
        }
    }

    private bool ReceivesOriginals(MergeKinds kind, bool isFromHost)
    {
        var next = 0;
        while (next < ProbePackets.Count)
        {
            SysResult received;
            fixed (byte* buffer = _buffer)
            {
                received = isFromHost
                    ? Poll.WaitReadable(_device.QueueHandle(0), WaitMs) ? _device.Read(0, buffer, BufferBytes) : SysResult.FromErrno(LinuxError.EAGAIN)
                    : _socket.Receive(buffer, BufferBytes, WaitMs);
            }

            if (received.IsError || received.Value <= VirtioNetHeader.Length)
                return false;
            var virtio = System.Runtime.InteropServices.MemoryMarshal.Read<VirtioNetHeader>(_buffer);
            var packet = _buffer.AsSpan(VirtioNetHeader.Length, received.Value - VirtioNetHeader.Length);
            // The packet socket hears what leaves the device, too, and anything that other programs send.
            if (InnerPacket.TryParse(packet, out var inner) != DropReason.None || !ProbePackets.IsOne(packet, inner))
                continue;
            if (!MatchesOriginals(kind, virtio, packet, inner, ref next))
                return false;
        }

        return true;
    }

    private bool MatchesOriginals(MergeKinds kind, in VirtioNetHeader virtio, Span<byte> packet, in InnerPacket inner, ref int next)
    {
        if (virtio.GsoType == VirtioNetHeader.GsoNone)
        {
            if ((virtio.Flags & VirtioNetHeader.NeedsChecksum) != 0 && !Segmenter.TryFinishChecksum(virtio, packet))
                return false;
            return next < ProbePackets.Count && packet.SequenceEqual(Original(kind, next++));
        }

        if (!Segmenter.TryCreate(virtio, packet, inner, out var segments))
            return false;
        Span<byte> segment = stackalloc byte[ProbePackets.Stride];
        for (var i = 0; i < segments.Count; i++)
        {
            var payload = segments.PayloadOf(i);
            var length = segments.HeaderLength + payload.Length;
            if (length > segment.Length || next == ProbePackets.Count)
                return false;
            segments.WriteHeaders(i, segment);
            payload.CopyTo(segment[segments.HeaderLength..]);
            if (!segment[..length].SequenceEqual(Original(kind, next++)))
                return false;
        }

        return true;
    }

    private ReadOnlySpan<byte> Original(MergeKinds kind, int number) =>
        _originals.AsSpan((number * ProbePackets.Stride) + VirtioNetHeader.Length, ProbePackets.LengthOf(kind, number));
}
