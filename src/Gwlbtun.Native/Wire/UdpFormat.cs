namespace Gwlbtun.Native.Wire;

/// <summary>Where things stand in a UDP header (RFC 768).</summary>
internal static class UdpFormat
{
    public const int HeaderLength = 8;
    public const int LengthOffset = 4;
    public const int ChecksumOffset = 6;
}
