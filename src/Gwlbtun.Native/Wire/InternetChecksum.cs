using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Wire;

/// <summary>
/// The Internet checksum (RFC 1071): ones' complement sum of 16-bit words. Sums are of the words as big-endian numbers,
/// so that ports, lengths and protocol numbers can be added as they are.
/// </summary>
public static class InternetChecksum
{
    /// <summary>The checksum of the bytes as they stand: 0 when they contain their own valid checksum, else what to write into a zeroed field.</summary>
    public static ushort Compute(ReadOnlySpan<byte> bytes) => (ushort)~Fold(Sum(bytes));

    /// <summary>Folds a sum to 16 bits, without complementing it.</summary>
    public static ushort Fold(uint sum)
    {
        sum = (sum >> 16) + (sum & 0xFFFF);
        return (ushort)(sum + (sum >> 16));
    }

    /// <summary>
    /// Adds the bytes to a sum. Of several pieces summed one after the other, only the last may have an odd length:
    /// it counts as if a zero followed.
    /// </summary>
    /// <returns>A partial sum below 2^17, for a further call or <see cref="Fold"/>.</returns>
    public static uint Sum(ReadOnlySpan<byte> bytes, uint start = 0)
    {
        // Words are summed in the machine's byte order and the result is swapped once (RFC 1071 section 2(B)). The 32-bit halves of
        // 64-bit lanes are summed apart, so that nothing can overflow below 2^32 vectors.
        ulong sum = 0;
        ReadOnlySpan<byte> rest = bytes;
        if (bytes.Length >= 2 * Vector<byte>.Count)
        {
            Vector<ulong> low = Vector<ulong>.Zero, high = Vector<ulong>.Zero, mask = new(uint.MaxValue);
            ReadOnlySpan<Vector<ulong>> vectors = MemoryMarshal.Cast<byte, Vector<ulong>>(bytes);
            foreach (Vector<ulong> vector in vectors)
            {
                low += vector & mask;
                high += vector >>> 32;
            }

            sum = Vector.Sum(low + high);
            rest = bytes[(vectors.Length * Vector<byte>.Count)..];
        }

        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(rest);
        foreach (uint word in words)
            sum += word;
        rest = rest[(words.Length * sizeof(uint))..];
        if (rest.Length >= sizeof(ushort))
        {
            sum += MemoryMarshal.Read<ushort>(rest);
            rest = rest[sizeof(ushort)..];
        }

        if (rest.Length != 0)
            sum += BitConverter.IsLittleEndian ? rest[0] : (uint)rest[0] << 8;

        sum = (sum >> 32) + (sum & uint.MaxValue);
        sum = (sum >> 32) + (sum & uint.MaxValue);
        ushort folded = Fold((uint)sum);
        return (uint)Fold(start) + (BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(folded) : folded);
    }

    /// <summary>What <see cref="Sum"/> computes, two bytes at a time: the reference that it is tested against.</summary>
    internal static uint SumReference(ReadOnlySpan<byte> bytes, uint start = 0)
    {
        uint sum = Fold(start);
        for (int at = 0; at < bytes.Length; at += 2)
            sum = Fold(sum + ((uint)bytes[at] << 8 | (at + 1 < bytes.Length ? bytes[at + 1] : (uint)0)));
        return sum;
    }

    /// <summary>
    /// The checksum of the transport header and payload as they stand, with the pseudo-header where the protocol has one (TCP and UDP,
    /// RFC 9293 section 3.1 and RFC 768; everything over IPv6, RFC 8200 section 8.1; not ICMP over IPv4): 0 when it is valid, else what to write
    /// into a zeroed field. UDP writes a computed 0 as 0xFFFF; that is the caller's to do. Means nothing for a fragment, nor for
    /// IPv6 with a routing header that still has segments left.
    /// </summary>
    /// <param name="ipPacket">The whole IP packet; padding after it is not looked at.</param>
    /// <param name="inner">What <see cref="InnerPacket.TryParse"/> said of it, with a transport offset.</param>
    public static ushort Transport(ReadOnlySpan<byte> ipPacket, in InnerPacket inner)
    {
        ReadOnlySpan<byte> segment = ipPacket[inner.TransportOffset..inner.Length];
        uint pseudo = 0;
        if (inner.Version == 6)
            pseudo = Sum(ipPacket.Slice(Ipv6Format.SourceAddressOffset, 2 * Ipv6Format.AddressLength), (uint)segment.Length + inner.Protocol);
        else if (inner.Protocol != IpProtocol.Icmp)
            pseudo = Sum(ipPacket.Slice(Ipv4Format.SourceAddressOffset, 2 * Ipv4Format.AddressLength), (uint)segment.Length + inner.Protocol);
        return (ushort)~Fold(Sum(segment, pseudo));
    }
}
