using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using static Gwlbtun.Native.Wire.GeneveFormat;

namespace Gwlbtun.Native.Wire;

/// <summary>
/// What a receive thread needs to know of a Geneve header that the load balancer sent: how long it is, what it carries,
/// and the three AWS options. The header itself is echoed as it came, byte for byte, never rebuilt from this.
/// </summary>
public readonly struct GwlbGeneveHeader
{
    /// <summary>The shortest Geneve header: no options (RFC 8926 section 3.4).</summary>
    public const int MinimumLength = BaseLength;

    /// <summary>The longest Geneve header: 63 × 4 bytes of options (RFC 8926 section 3.4).</summary>
    public const int MaximumLength = BaseLength + OptionsLengthMask * LengthUnit;

    /// <summary>The header as the load balancer writes it: the three required options and no other.</summary>
    public const int StandardLength = GeneveFormat.StandardLength;

    private GwlbGeneveHeader(int length, ushort protocolType, ulong eniId, ulong attachmentId, uint flowCookie, int attachmentIdOffset, int flowCookieOffset)
    {
        EniId = eniId;
        AttachmentId = attachmentId;
        FlowCookie = flowCookie;
        Length = (ushort)length;
        ProtocolType = protocolType;
        AttachmentIdOffset = (ushort)attachmentIdOffset;
        FlowCookieOffset = (ushort)flowCookieOffset;
    }

    /// <summary>The endpoint that the packet came through: the number in its <c>vpce-</c> ID.</summary>
    public ulong EniId { get; }

    /// <summary>The attachment ID; zero so far.</summary>
    public ulong AttachmentId { get; }

    /// <summary>The load balancer's cookie for the flow.</summary>
    public uint FlowCookie { get; }

    /// <summary>The Geneve header with its options, in bytes, 8 to 260: the inner packet begins here.</summary>
    public ushort Length { get; }

    /// <summary><see cref="EtherType.Ipv4"/> or <see cref="EtherType.Ipv6"/>.</summary>
    public ushort ProtocolType { get; }

    /// <summary>Where the value of the attachment ID option stands in the header.</summary>
    public ushort AttachmentIdOffset { get; }

    /// <summary>Where the value of the flow cookie option stands in the header.</summary>
    public ushort FlowCookieOffset { get; }

    /// <summary>
    /// Reads the Geneve header at the beginning of a UDP payload. Options may stand in any order; unknown ones are
    /// skipped unless they are critical; any VNI and reserved bits are taken.
    /// </summary>
    /// <param name="datagram">The UDP payload.</param>
    /// <param name="header">The header; undefined unless accepted.</param>
    /// <returns><see cref="DropReason.None"/> when accepted, else why not.</returns>
    public static DropReason TryParse(ReadOnlySpan<byte> datagram, out GwlbGeneveHeader header)
    {
        Unsafe.SkipInit(out header);
        if (datagram.Length < MinimumLength)
            return DropReason.GeneveTruncated;

        int first = datagram[VersionAndOptionsLengthOffset];
        if (first >> VersionShift != 0)
            return DropReason.GeneveVersion;
        if ((datagram[FlagsOffset] & ControlBit) != 0)
            return DropReason.GeneveControl;

        ushort protocolType = BinaryPrimitives.ReadUInt16BigEndian(datagram[ProtocolTypeOffset..]);
        if (protocolType is not (EtherType.Ipv4 or EtherType.Ipv6))
            return DropReason.GeneveProtocol;

        if (first == StandardOptionsLength && datagram.Length >= StandardLength && HasStandardOptions(datagram))
        {
            header = new GwlbGeneveHeader(
                StandardLength,
                protocolType,
                BinaryPrimitives.ReadUInt64BigEndian(datagram[(StandardEniIdOption + OptionHeaderLength)..]),
                BinaryPrimitives.ReadUInt64BigEndian(datagram[(StandardAttachmentIdOption + OptionHeaderLength)..]),
                BinaryPrimitives.ReadUInt32BigEndian(datagram[(StandardFlowCookieOption + OptionHeaderLength)..]),
                StandardAttachmentIdOption + OptionHeaderLength,
                StandardFlowCookieOption + OptionHeaderLength);
            return DropReason.None;
        }

        int length = BaseLength + (first & OptionsLengthMask) * LengthUnit;
        return length > datagram.Length
            ? DropReason.GeneveOptionsOverrun
            : WalkOptions(datagram[..length], protocolType, out header);
    }

    private static bool HasStandardOptions(ReadOnlySpan<byte> datagram) =>
        BinaryPrimitives.ReadUInt32BigEndian(datagram[StandardEniIdOption..]) == EniIdOptionHeader
        && BinaryPrimitives.ReadUInt32BigEndian(datagram[StandardAttachmentIdOption..]) == AttachmentIdOptionHeader
        && BinaryPrimitives.ReadUInt32BigEndian(datagram[StandardFlowCookieOption..]) == FlowCookieOptionHeader;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static DropReason WalkOptions(ReadOnlySpan<byte> bytes, ushort protocolType, out GwlbGeneveHeader header)
    {
        Unsafe.SkipInit(out header);
        // Offset 0 is the header's first byte, so it can stand for "not seen".
        int eniId = 0, attachmentId = 0, flowCookie = 0;

        for (int at = BaseLength; at < bytes.Length;)
        {
            // The header's length is a multiple of 4 and so is every option's: 4 bytes are there.
            ushort optionClass = BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);
            byte type = bytes[at + OptionTypeOffset];
            int valueLength = (bytes[at + OptionLengthOffset] & OptionLengthMask) * LengthUnit;
            int value = at + OptionHeaderLength;
            at = value + valueLength;
            if (at > bytes.Length)
                return DropReason.GeneveOptionsOverrun;

            DropReason reason = (optionClass, type) switch
            {
                (AwsClass, EniIdType) => Take(ref eniId, value, valueLength, EniIdLength),
                (AwsClass, AttachmentIdType) => Take(ref attachmentId, value, valueLength, AttachmentIdLength),
                (AwsClass, FlowCookieType) => Take(ref flowCookie, value, valueLength, FlowCookieLength),
                _ => (type & CriticalBit) != 0 ? DropReason.GeneveCriticalOption : DropReason.None,
            };
            if (reason != DropReason.None)
                return reason;
        }

        if (eniId == 0)
            return DropReason.GeneveMissingEniId;
        if (attachmentId == 0)
            return DropReason.GeneveMissingAttachmentId;
        if (flowCookie == 0)
            return DropReason.GeneveMissingFlowCookie;

        header = new GwlbGeneveHeader(
            bytes.Length,
            protocolType,
            BinaryPrimitives.ReadUInt64BigEndian(bytes[eniId..]),
            BinaryPrimitives.ReadUInt64BigEndian(bytes[attachmentId..]),
            BinaryPrimitives.ReadUInt32BigEndian(bytes[flowCookie..]),
            attachmentId,
            flowCookie);
        return DropReason.None;
    }

    private static DropReason Take(ref int seen, int value, int valueLength, int requiredLength)
    {
        if (valueLength != requiredLength)
            return DropReason.GeneveOptionLength;
        if (seen != 0)
            return DropReason.GeneveDuplicateOption;
        seen = value;
        return DropReason.None;
    }
}
