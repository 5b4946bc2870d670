using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Offload;

/// <summary>Packets of one flow, of equal size but the last, that cross the kernel's stack as one (GSO, Linux Documentation/networking/segmentation-offloads).</summary>
internal static class SuperPacket
{
    /// <summary>The most segments, of TCP as well: enough for the gain.</summary>
    public const int MaximumSegments = VirtioNetHeader.MaximumUdpSegments;

    /// <summary>The most bytes, IP header included.</summary>
    public const int MaximumBytes = ushort.MaxValue;

    /// <summary>The most bytes of headers, IP and transport together: IPv6 extension headers may take any number.</summary>
    public const int MaximumHeaderBytes = 768;
}
