namespace Gwlbtun.Native.Wire;

/// <summary>Where things stand in an IPv4 header (RFC 791 section 3.1).</summary>
internal static class Ipv4Format
{
    public const int MinimumLength = 20;
    public const int LengthUnit = 4;
    public const int HeaderLengthMask = 0x0F;
    public const int TotalLengthOffset = 2;
    public const int IdentificationOffset = 4;

    /// <summary>3 bits of flags, 13 of fragment offset in units of 8 bytes.</summary>
    public const int FragmentOffset = 6;

    public const int MoreFragmentsBit = 0x2000;
    public const int FragmentOffsetMask = 0x1FFF;
    public const int TimeToLiveOffset = 8;
    public const int ProtocolOffset = 9;
    public const int HeaderChecksumOffset = 10;
    public const int SourceAddressOffset = 12;
    public const int DestinationAddressOffset = 16;
    public const int AddressLength = 4;
}
