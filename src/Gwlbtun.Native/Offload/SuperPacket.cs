namespace Gwlbtun.Native.Offload;

/// <summary>Packets of one flow, of equal size but the last, that cross the kernel's stack as one (GSO, Linux Documentation/networking/segmentation-offloads).</summary>
internal static class SuperPacket
{
    /// <summary>The most segments: what UDP_MAX_SEGMENTS was before Linux 6.10, and enough for the gain.</summary>
    public const int MaximumSegments = 64;

    /// <summary>The most bytes, IP header included.</summary>
    public const int MaximumBytes = ushort.MaxValue;

    /// <summary>The most bytes of headers, IP and transport together: IPv6 extension headers may take any number.</summary>
    public const int MaximumHeaderBytes = 768;
}
