using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// What one direction of a flow answers with: the header's template, and what differs from flow to flow. The option
/// values are kept as the bytes they are on the wire.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct HeaderSlot
{
    public ulong AttachmentId;
    public uint FlowCookie;

    /// <summary>The outer UDP source port, host byte order.</summary>
    public ushort SourcePort;

    /// <summary>Which header, of those that <see cref="HeaderTemplates"/> keeps; 0 when the slot is empty.</summary>
    public ushort Template;

    public readonly bool IsEmpty => Template == 0;
}

/// <summary>
/// A flow as it stands in a bucket: 56 bytes here, and the addresses after them, 8 bytes for IPv4 (64 in all, one cache
/// line), 32 for IPv6 (88 of a stride of 96).
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = AddressOffset)]
internal unsafe struct FlowEntry
{
    public const int AddressOffset = 56;
    public const int Stride4 = 64;
    public const int Stride6 = 96;

    /// <summary>Where what <see cref="FlowStanding"/> looks at begins.</summary>
    public const int StandingOffset = 32;

    /// <summary>The field that a bucket in the free list loses: a reader that meets it takes it for another flow's hash.</summary>
    public const int HashOffset = 48;

    [FieldOffset(0)]
    public HeaderSlot Slot0;

    [FieldOffset(16)]
    public HeaderSlot Slot1;

    /// <summary>
    /// In <see cref="FlowTicks"/>. Written without the segment's gate, like <see cref="Packets"/>: whatever flow it hits, one is in use just then.
    /// </summary>
    [FieldOffset(StandingOffset)]
    public uint LastUsed;

    [FieldOffset(36)]
    public uint Ports;

    [FieldOffset(40)]
    public byte Protocol;

    /// <summary>How many the load balancer has sent, counted up to <see cref="FlowStanding.Established"/>.</summary>
    [FieldOffset(41)]
    public byte Packets;

    /// <summary>
    /// Not 0 once direction 0 has shown a FIN or RST. Under the segment's gate, like <see cref="Closed1"/>: no reader looks at it.
    /// </summary>
    [FieldOffset(42)]
    public byte Closed0;

    /// <summary>The same of direction 1.</summary>
    [FieldOffset(43)]
    public byte Closed1;

    [FieldOffset(HashOffset)]
    public ulong Hash;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static HeaderSlot* Slot(FlowEntry* entry, int direction) => &entry->Slot0 + direction;

    /// <summary>Whether the connection is over, as far as its packets say.</summary>
    public static bool IsClosed(FlowEntry* entry) => (entry->Closed0 & entry->Closed1) != 0;

    /// <summary>Notes what a packet of a direction says.</summary>
    public static void Note(FlowEntry* entry, int direction, TcpSignal signal)
    {
        switch (signal)
        {
            case TcpSignal.Opens:
                entry->Closed0 = entry->Closed1 = 0;
                break;
            case TcpSignal.Closes:
                (&entry->Closed0)[direction] = 1;
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Matches(FlowEntry* entry, int stride, in FlowKey key, ulong hash)
    {
        if (entry->Hash != hash || entry->Ports != key.Ports || entry->Protocol != key.Protocol)
            return false;

        ulong* address = (ulong*)((byte*)entry + AddressOffset);
        return address[0] == key.Address0
            && (stride == Stride4 || (address[1] == key.Address1 && address[2] == key.Address2 && address[3] == key.Address3));
    }

    /// <summary>Writes a flow with one slot filled over whatever stood there.</summary>
    public static void Write(FlowEntry* entry, int stride, in FlowKey key, ulong hash, in HeaderSlot slot, uint now)
    {
        *Slot(entry, key.Direction) = slot;
        *Slot(entry, 1 - key.Direction) = default;
        entry->LastUsed = now;
        entry->Ports = key.Ports;
        entry->Protocol = key.Protocol;
        entry->Packets = 1;
        entry->Closed0 = entry->Closed1 = 0;
        entry->Hash = hash;
        ulong* address = (ulong*)((byte*)entry + AddressOffset);
        address[0] = key.Address0;
        if (stride != Stride4)
            (address[1], address[2], address[3]) = (key.Address1, key.Address2, key.Address3);
    }

    /// <summary>Notes that the flow is in use; a store at most every tick, so a busy flow's line stays shared among cores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Touch(FlowEntry* entry, uint now)
    {
        if (FlowTicks.Since(entry->LastUsed, now) > 0)
            entry->LastUsed = now;
    }
}
