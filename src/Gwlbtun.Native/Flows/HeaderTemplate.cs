using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// What many flows' Geneve headers have in common: all bytes but the values of flow cookie and attachment ID, and the outer
/// addresses. Its first cache line holds a standard header whole.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = SizeInBytes)]
internal unsafe struct HeaderTemplate
{
    public const int SizeInBytes = 320;
    private const int HeaderOffset = 24;

    [FieldOffset(0)]
    public uint LoadBalancerAddress;

    [FieldOffset(4)]
    public uint LocalAddress;

    [FieldOffset(8)]
    public ushort Length;

    [FieldOffset(10)]
    public ushort FlowCookieOffset;

    [FieldOffset(12)]
    public ushort AttachmentIdOffset;

    /// <summary>The next one with the same hash bucket, or in the free list; 0 ends it.</summary>
    [FieldOffset(14)]
    public ushort Next;

    [FieldOffset(16)]
    public uint Hash;

    [FieldOffset(HeaderOffset)]
    public fixed byte Header[GwlbGeneveHeader.MaximumLength];

    /// <summary>Slots that hold it, and holders on their way to one. On a cache line of its own, but for headers that long.</summary>
    [FieldOffset(SizeInBytes - 32)]
    public int References;

    /// <summary>Whether the header differs from this in the flow's own values at most.</summary>
    public static bool Matches(HeaderTemplate* template, in ReceivedHeader header)
    {
        if (template->Length != header.Bytes.Length
            || template->LoadBalancerAddress != header.Path.LoadBalancerAddress
            || template->LocalAddress != header.Path.LocalAddress
            || template->FlowCookieOffset != header.FlowCookieOffset
            || template->AttachmentIdOffset != header.AttachmentIdOffset)
        {
            return false;
        }

        // The offsets of the received header were checked against its length; the template's may have changed by now.
        int cookie = header.FlowCookieOffset;
        int attachment = header.AttachmentIdOffset;
        (int first, int firstEnd, int second, int secondEnd) = cookie < attachment
            ? (cookie, cookie + GeneveFormat.FlowCookieLength, attachment, attachment + GeneveFormat.AttachmentIdLength)
            : (attachment, attachment + GeneveFormat.AttachmentIdLength, cookie, cookie + GeneveFormat.FlowCookieLength);
        var own = new ReadOnlySpan<byte>(template->Header, header.Bytes.Length);
        return own[..first].SequenceEqual(header.Bytes[..first])
            && own[firstEnd..second].SequenceEqual(header.Bytes[firstEnd..second])
            && own[secondEnd..].SequenceEqual(header.Bytes[secondEnd..]);
    }

    /// <summary>Writes a flow's header, and says its length.</summary>
    /// <remarks>
    /// Safe on a template that is being replaced at the same time: each field is, at any moment, one that some header had, so
    /// no offset leads out of the 260 bytes. What was written is then thrown away.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Write(HeaderTemplate* template, in HeaderSlot slot, Span<byte> destination)
    {
        int length = template->Length;
        new ReadOnlySpan<byte>(template->Header, length).CopyTo(destination);
        MemoryMarshal.Write(destination[template->AttachmentIdOffset..], slot.AttachmentId);
        MemoryMarshal.Write(destination[template->FlowCookieOffset..], slot.FlowCookie);
        return length;
    }
}
