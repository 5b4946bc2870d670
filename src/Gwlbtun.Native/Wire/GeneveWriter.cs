using System.Buffers.Binary;
using static Gwlbtun.Native.Wire.GeneveFormat;

namespace Gwlbtun.Native.Wire;

/// <summary>
/// Writes Geneve headers as the load balancer does. The handler itself only echoes what it got; this is for whoever
/// plays the load balancer.
/// </summary>
public static class GeneveWriter
{
    /// <summary>Writes a Geneve header with the three AWS options in their usual order.</summary>
    /// <param name="destination">At least <see cref="GwlbGeneveHeader.StandardLength"/> bytes.</param>
    /// <param name="protocolType"><see cref="EtherType.Ipv4"/> or <see cref="EtherType.Ipv6"/>.</param>
    /// <param name="eniId">The endpoint.</param>
    /// <param name="attachmentId">The attachment ID.</param>
    /// <param name="flowCookie">The flow's cookie.</param>
    /// <param name="vni">The virtual network identifier, 24 bits; zero in what the load balancer sends.</param>
    /// <returns>The number of bytes written: 40.</returns>
    public static int WriteGwlbHeader(Span<byte> destination, ushort protocolType, ulong eniId, ulong attachmentId, uint flowCookie, uint vni = 0)
    {
        destination = destination[..StandardLength];
        destination[VersionAndOptionsLengthOffset] = StandardOptionsLength;
        destination[FlagsOffset] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(destination[ProtocolTypeOffset..], protocolType);
        BinaryPrimitives.WriteUInt32BigEndian(destination[VniOffset..], vni << 8);
        BinaryPrimitives.WriteUInt32BigEndian(destination[StandardEniIdOption..], EniIdOptionHeader);
        BinaryPrimitives.WriteUInt64BigEndian(destination[(StandardEniIdOption + OptionHeaderLength)..], eniId);
        BinaryPrimitives.WriteUInt32BigEndian(destination[StandardAttachmentIdOption..], AttachmentIdOptionHeader);
        BinaryPrimitives.WriteUInt64BigEndian(destination[(StandardAttachmentIdOption + OptionHeaderLength)..], attachmentId);
        BinaryPrimitives.WriteUInt32BigEndian(destination[StandardFlowCookieOption..], FlowCookieOptionHeader);
        BinaryPrimitives.WriteUInt32BigEndian(destination[(StandardFlowCookieOption + OptionHeaderLength)..], flowCookie);
        return StandardLength;
    }
}
