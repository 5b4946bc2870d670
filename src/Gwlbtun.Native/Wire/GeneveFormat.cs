namespace Gwlbtun.Native.Wire;

/// <summary>
/// Where things stand in a Geneve header (RFC 8926 sections 3.4 and 3.5), and the three options of the load balancer
/// (AWS, "Gateway Load Balancers": option class 0x0108).
/// </summary>
internal static class GeneveFormat
{
    /// <summary>The fixed part of the header.</summary>
    public const int BaseLength = 8;

    /// <summary>Version in the upper 2 bits, length of the options in units of 4 bytes in the lower 6.</summary>
    public const int VersionAndOptionsLengthOffset = 0;

    /// <summary>O (control), C (critical options present), 6 reserved bits.</summary>
    public const int FlagsOffset = 1;

    /// <summary>EtherType of what follows, 2 bytes.</summary>
    public const int ProtocolTypeOffset = 2;

    /// <summary>VNI, 3 bytes, then a reserved one.</summary>
    public const int VniOffset = 4;

    public const int VersionShift = 6;
    public const int OptionsLengthMask = 0x3F;
    public const int LengthUnit = 4;
    public const int ControlBit = 0x80;

    /// <summary>Class (2), type (1), reserved bits and length (1).</summary>
    public const int OptionHeaderLength = 4;

    public const int OptionTypeOffset = 2;
    public const int OptionLengthOffset = 3;
    public const int OptionLengthMask = 0x1F;

    /// <summary>The top bit of an option's type: who does not know the option must drop the packet.</summary>
    public const int CriticalBit = 0x80;

    public const ushort AwsClass = 0x0108;
    public const byte EniIdType = 1;
    public const byte AttachmentIdType = 2;
    public const byte FlowCookieType = 3;
    public const int EniIdLength = 8;
    public const int AttachmentIdLength = 8;
    public const int FlowCookieLength = 4;

    // The header as the load balancer writes it: the three options in this order and no other.
    public const int StandardLength = 40;
    public const int StandardOptionsLength = (StandardLength - BaseLength) / LengthUnit;
    public const int StandardEniIdOption = 8;
    public const int StandardAttachmentIdOption = 20;
    public const int StandardFlowCookieOption = 32;

    /// <summary>The 4-byte option headers, as big-endian numbers.</summary>
    public const uint EniIdOptionHeader = (uint)AwsClass << 16 | EniIdType << 8 | EniIdLength / LengthUnit;

    public const uint AttachmentIdOptionHeader = (uint)AwsClass << 16 | AttachmentIdType << 8 | AttachmentIdLength / LengthUnit;
    public const uint FlowCookieOptionHeader = (uint)AwsClass << 16 | FlowCookieType << 8 | FlowCookieLength / LengthUnit;
}
