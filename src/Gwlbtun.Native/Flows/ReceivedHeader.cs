using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Flows;

/// <summary>A Geneve header as it arrived, cut into what is the flow's own (two option values) and what it shares with others.</summary>
internal readonly ref struct ReceivedHeader
{
    public readonly ReadOnlySpan<byte> Bytes;
    public readonly OuterPath Path;

    // The option values as they stand on the wire.
    public readonly ulong AttachmentId;
    public readonly uint FlowCookie;
    public readonly ushort AttachmentIdOffset;
    public readonly ushort FlowCookieOffset;

    public ReceivedHeader(ReadOnlySpan<byte> header, in GwlbGeneveHeader parsed, in OuterPath path)
    {
        int cookieEnd = parsed.FlowCookieOffset + GeneveFormat.FlowCookieLength;
        int attachmentEnd = parsed.AttachmentIdOffset + GeneveFormat.AttachmentIdLength;
        bool areApart = cookieEnd <= parsed.AttachmentIdOffset || attachmentEnd <= parsed.FlowCookieOffset;
        if (header.Length > GwlbGeneveHeader.MaximumLength || Math.Max(cookieEnd, attachmentEnd) > header.Length || !areApart)
            ThrowInconsistent();

        Bytes = header;
        Path = path;
        AttachmentIdOffset = parsed.AttachmentIdOffset;
        FlowCookieOffset = parsed.FlowCookieOffset;
        AttachmentId = MemoryMarshal.Read<ulong>(header[parsed.AttachmentIdOffset..]);
        FlowCookie = MemoryMarshal.Read<uint>(header[parsed.FlowCookieOffset..]);
    }

    /// <summary>Whether a slot holds this flow's own values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool HasValuesOf(in HeaderSlot slot) =>
        slot.FlowCookie == FlowCookie && slot.AttachmentId == AttachmentId && slot.SourcePort == Path.SourcePort;

    /// <summary>The header without the flow's own values, which are zero in the copy.</summary>
    public void CopyShared(Span<byte> destination)
    {
        Bytes.CopyTo(destination);
        destination.Slice(AttachmentIdOffset, GeneveFormat.AttachmentIdLength).Clear();
        destination.Slice(FlowCookieOffset, GeneveFormat.FlowCookieLength).Clear();
    }

    [DoesNotReturn]
    private static void ThrowInconsistent() =>
        throw new ArgumentException("The header is not the one that was parsed: its length or its offsets do not fit.");
}
