namespace Gwlbtun.Native.Wire;

/// <summary>Where things stand in an IPv6 header and its extension headers (RFC 8200 sections 3 and 4; RFC 4302 section 2.2 for the authentication header).</summary>
internal static class Ipv6Format
{
    public const int HeaderLength = 40;
    public const int PayloadLengthOffset = 4;
    public const int NextHeaderOffset = 6;
    public const int SourceAddressOffset = 8;
    public const int DestinationAddressOffset = 24;
    public const int AddressLength = 16;

    /// <summary>Every extension header is at least this long, and names the next header in its first byte.</summary>
    public const int ExtensionUnit = 8;

    /// <summary>In units of 8 bytes, not counting the first 8; the authentication header counts in 4 bytes, not counting the first 8.</summary>
    public const int ExtensionLengthOffset = 1;

    public const int AuthenticationUnit = 4;

    /// <summary>In the fragment header: 13 bits of offset in units of 8 bytes, 2 reserved, M.</summary>
    public const int FragmentOffset = 2;

    public const int FragmentIdentificationOffset = 4;
    public const int FragmentOffsetMask = 0xFFF8;
    public const int MoreFragmentsBit = 1;
}
