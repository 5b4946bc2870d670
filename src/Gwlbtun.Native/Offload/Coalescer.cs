using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Offload;

/// <summary>
/// Merges the packets of a batch into super-packets, flow by flow, wherever in the batch they stand: so that what follows in the
/// kernel, routing, netfilter and all, is paid once. Packets stay where they are; a super-packet is a list of pieces for one write.
/// </summary>
/// <remarks>
/// The order within a flow stays: a packet that cannot join what its flow has so far begins anew, and nothing joins what came before it. So
/// do fragments, of which only the first says its flow: none of any flow is merged across one. The first packet's headers are changed
/// in place only by <see cref="Seal"/>, which <see cref="Unseal"/> takes back. One thread uses it; nothing is allocated after construction.
/// </remarks>
internal sealed unsafe class Coalescer
{
    // The virtio header and the headers of a first packet, before they are changed: no mergeable packet has more.
    private const int SavedBytes = 160;

    private readonly MergeKinds _kinds;
    private readonly Member[] _members;
    private readonly Group[] _groups;
    private readonly byte[] _saved = new byte[SavedBytes];

    // By flow.
    private readonly NewestGroups _newest = new();
    private int _memberCount;

    /// <param name="kinds">What may be merged.</param>
    /// <param name="capacity">Packets of a batch.</param>
    public Coalescer(MergeKinds kinds, int capacity)
    {
        _kinds = kinds;
        _members = new Member[capacity];
        _groups = new Group[capacity];
    }

    /// <summary>How many writes the batch has come to.</summary>
    public int GroupCount { get; private set; }

    /// <summary>Forgets the batch.</summary>
    public void Clear()
    {
        GroupCount = 0;
        _memberCount = 0;
        _newest.Forget();
    }

    /// <summary>
    /// Adds the batch's next packet.
    /// </summary>
    /// <param name="packet">The packet; the <see cref="VirtioNetHeader.Length"/> bytes in front of it are the coalescer's.</param>
    /// <param name="inner">What parsing it found.</param>
    /// <param name="owner">The endpoint: packets of different ones are never merged.</param>
    /// <param name="flow">A hash of the packet's flow and direction.</param>
    public void Add(byte* packet, in InnerPacket inner, ulong owner, ulong flow)
    {
        int index = _memberCount++;
        ref Member member = ref _members[index];
        member.Packet = packet;
        member.Length = inner.Length;
        member.Next = -1;
        MergeKinds kind = MergeKinds.None;
        int headerLength = 0;
        if (_kinds != MergeKinds.None)
        {
            if (inner.IsFragment)
                _newest.Forget();
            else if (inner.HasPorts)
                kind = MergeRules.KindOf(Span(packet, inner.Length), inner, out headerLength) & _kinds;
        }

        ref int newest = ref _newest.Of(flow ^ owner, out bool isKnown);
        if (isKnown && kind != MergeKinds.None && TryJoin(ref _groups[newest], index, inner, kind, headerLength, owner))
            return;

        newest = GroupCount;
        _groups[GroupCount++] = new Group
        {
            First = index,
            Last = index,
            Count = 1,
            Owner = owner,
            Kind = kind,
            HeaderLength = headerLength,
            SegmentSize = inner.Length - headerLength,
            PayloadBytes = inner.Length - headerLength,
            IsOpen = kind != MergeKinds.None && !HasPush(packet, kind, inner.TransportOffset),
        };
    }

    /// <summary>The first packet of a group, by its number in the batch.</summary>
    public int FirstOf(int group) => _groups[group].First;

    /// <summary>The packet after one of the same group, or -1.</summary>
    public int NextOf(int member) => _members[member].Next;

    /// <summary>Packets in a group.</summary>
    public int CountOf(int group) => _groups[group].Count;

    /// <summary>
    /// Makes a group one packet, with its virtio header, in as many pieces as it has packets.
    /// </summary>
    /// <param name="group">Which.</param>
    /// <param name="pieces">Receives the pieces, at most <see cref="SuperPacket.MaximumSegments"/>.</param>
    /// <returns>How many.</returns>
    public int Seal(int group, IoVector* pieces)
    {
        ref Group sealing = ref _groups[group];
        ref Member first = ref _members[sealing.First];
        byte* start = first.Packet - VirtioNetHeader.Length;
        new ReadOnlySpan<byte>(start, ChangedBytes(sealing)).CopyTo(_saved);
        pieces[0] = new IoVector { Base = start, Length = (nuint)(VirtioNetHeader.Length + first.Length) };
        if (sealing.Count == 1)
        {
            Unsafe.WriteUnaligned(start, default(VirtioNetHeader));
            return 1;
        }

        int count = 1;
        for (int member = first.Next; member >= 0; member = _members[member].Next)
        {
            ref Member joined = ref _members[member];
            pieces[count++] = new IoVector { Base = joined.Packet + sealing.HeaderLength, Length = (nuint)(joined.Length - sealing.HeaderLength) };
        }

        WriteHeaders(sealing, first.Packet, start);
        return count;
    }

    /// <summary>Takes back what the last <see cref="Seal"/> changed.</summary>
    public void Unseal(int group)
    {
        ref Group unsealing = ref _groups[group];
        int bytes = ChangedBytes(unsealing);
        _saved.AsSpan(0, bytes).CopyTo(new Span<byte>(_members[unsealing.First].Packet - VirtioNetHeader.Length, bytes));
    }

    // What Seal writes: nothing of a packet that goes by itself.
    private static int ChangedBytes(in Group group) => VirtioNetHeader.Length + (group.Count == 1 ? 0 : group.HeaderLength);

    private bool TryJoin(ref Group group, int index, in InnerPacket inner, MergeKinds kind, int headerLength, ulong owner)
    {
        ref Member first = ref _members[group.First];
        ref Member member = ref _members[index];
        ReadOnlySpan<byte> packet = Span(member.Packet, member.Length);
        ReadOnlySpan<byte> before = Span(first.Packet, first.Length);
        bool isV4 = kind is MergeKinds.Tcp4 or MergeKinds.Udp4;
        if (group.Kind != kind || group.Owner != owner || !MergeRules.IsSameFlow(before, packet, isV4))
            return false;

        int payload = member.Length - headerLength;
        if (!group.IsOpen
            || group.HeaderLength != headerLength
            || payload > group.SegmentSize
            || group.Count == SuperPacket.MaximumSegments
            || headerLength + group.PayloadBytes + payload > SuperPacket.MaximumBytes
            || !MergeRules.Continues(before, packet, kind, headerLength, group.Count, group.PayloadBytes)
            || !MergeRules.IsSound(packet, kind))
            return false;

        if (group.Count == 1 && !MergeRules.IsSound(before, kind))
        {
            group.IsOpen = false;
            return false;
        }

        _members[group.Last].Next = index;
        group.Last = index;
        group.Count++;
        group.PayloadBytes += payload;
        group.IsOpen = payload == group.SegmentSize && !HasPush(member.Packet, kind, inner.TransportOffset);
        return true;
    }

    private void WriteHeaders(in Group group, byte* packet, byte* virtio)
    {
        int length = group.HeaderLength + group.PayloadBytes;
        bool isV4 = group.Kind is MergeKinds.Tcp4 or MergeKinds.Udp4;
        bool isTcp = group.Kind is MergeKinds.Tcp4 or MergeKinds.Tcp6;
        int at = isV4 ? Ipv4Format.MinimumLength : Ipv6Format.HeaderLength;
        Span<byte> header = new(packet, group.HeaderLength);
        Span<byte> transport = header[at..];
        uint pseudo;
        if (isV4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(header[Ipv4Format.TotalLengthOffset..], (ushort)length);
            header.Slice(Ipv4Format.HeaderChecksumOffset, 2).Clear();
            BinaryPrimitives.WriteUInt16BigEndian(header[Ipv4Format.HeaderChecksumOffset..], InternetChecksum.Compute(header[..at]));
            pseudo = InternetChecksum.Sum(header.Slice(Ipv4Format.SourceAddressOffset, 2 * Ipv4Format.AddressLength));
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(header[Ipv6Format.PayloadLengthOffset..], (ushort)(length - at));
            pseudo = InternetChecksum.Sum(header.Slice(Ipv6Format.SourceAddressOffset, 2 * Ipv6Format.AddressLength));
        }

        int checksumOffset = isTcp ? TcpFormat.ChecksumOffset : UdpFormat.ChecksumOffset;
        pseudo += (uint)(length - at) + (isTcp ? IpProtocol.Tcp : IpProtocol.Udp);
        BinaryPrimitives.WriteUInt16BigEndian(transport[checksumOffset..], InternetChecksum.Fold(pseudo));
        if (isTcp)
            transport[TcpFormat.FlagsOffset] |= (byte)(_members[group.Last].Packet[at + TcpFormat.FlagsOffset] & TcpFormat.Psh);
        else
            BinaryPrimitives.WriteUInt16BigEndian(transport[UdpFormat.LengthOffset..], (ushort)(length - at));

        Unsafe.WriteUnaligned(virtio, new VirtioNetHeader
        {
            Flags = VirtioNetHeader.NeedsChecksum,
            GsoType = !isTcp ? VirtioNetHeader.GsoUdp : isV4 ? VirtioNetHeader.GsoTcp4 : VirtioNetHeader.GsoTcp6,
            HeaderLength = (ushort)group.HeaderLength,
            GsoSize = (ushort)group.SegmentSize,
            ChecksumStart = (ushort)at,
            ChecksumOffset = (ushort)checksumOffset,
        });
    }

    private static bool HasPush(byte* packet, MergeKinds kind, int transportOffset) =>
        kind is MergeKinds.Tcp4 or MergeKinds.Tcp6 && (packet[transportOffset + TcpFormat.FlagsOffset] & TcpFormat.Psh) != 0;

    private static ReadOnlySpan<byte> Span(byte* start, int length) => new(start, length);

    private struct Member
    {
        public byte* Packet;
        public int Length;
        public int Next;
    }

    private struct Group
    {
        public int First;
        public int Last;
        public int Count;
        public int HeaderLength;
        public int SegmentSize;
        public int PayloadBytes;
        public ulong Owner;
        public MergeKinds Kind;
        public bool IsOpen;
    }
}
