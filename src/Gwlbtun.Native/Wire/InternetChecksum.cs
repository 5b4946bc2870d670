using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Gwlbtun.Native.Wire;

/// <summary>
/// The Internet checksum (RFC 1071): ones' complement sum of 16-bit words. Sums are of the words as big-endian numbers,
/// so that ports, lengths and protocol numbers can be added as they are.
/// </summary>
public static class InternetChecksum
{
    /// <summary>The checksum of the bytes as they stand, and of what is summed already: 0 when they contain their own valid checksum, else what to write into a zeroed field.</summary>
    public static ushort Compute(ReadOnlySpan<byte> bytes, uint start = 0) => (ushort)~Fold(Sum(bytes, start));

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
    // Inlined, all of it would be, and in large callers too little of it to be fast.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Sum(ReadOnlySpan<byte> bytes, uint start = 0) => Sum(bytes, start, WidestVector);

    // A constant to the compiler, with what it rules out. NEON has 128 bits.
    private static int WidestVector => Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0;

    /// <summary><see cref="Sum(ReadOnlySpan{byte}, uint)"/> with vectors of no more bits than these.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Sum(ReadOnlySpan<byte> bytes, uint start, int vectorBits)
    {
        // Words are summed in the machine's byte order and the result is swapped once (RFC 1071 section 2(B)). Beside the total of 64-bit
        // lanes, which overflows, goes that of their upper halves, which cannot below 2^32 vectors: the difference is the total of the lower.
        ulong sum = 0;
        ReadOnlySpan<byte> rest = bytes;
        if (vectorBits >= 256 && rest.Length >= Vector256<byte>.Count)
        {
            Vector256<ulong> total = default, upper = default;
            if (vectorBits >= 512 && rest.Length >= 2 * Vector512<byte>.Count)
            {
                Vector512<ulong> wideTotal = default, wideUpper = default;
                foreach (Vector512<ulong> vector in Take<Vector512<ulong>>(ref rest))
                {
                    wideTotal += vector;
                    wideUpper += vector >>> 32;
                }

                total = wideTotal.GetLower() + wideTotal.GetUpper();
                upper = wideUpper.GetLower() + wideUpper.GetUpper();
            }

            foreach (Vector256<ulong> vector in Take<Vector256<ulong>>(ref rest))
            {
                total += vector;
                upper += vector >>> 32;
            }

            sum = Vector256.Sum(total - (upper << 32) + upper);
        }
        else if (vectorBits == 128 && rest.Length >= 2 * Vector128<byte>.Count)
        {
            Vector128<ulong> total = default, upper = default;
            foreach (Vector128<ulong> vector in Take<Vector128<ulong>>(ref rest))
            {
                total += vector;
                upper += vector >>> 32;
            }

            sum = Vector128.Sum(total - (upper << 32) + upper);
        }

        foreach (ulong words in Take<ulong>(ref rest))
            sum += (uint)words + (words >> 32);
        foreach (ushort word in Take<ushort>(ref rest))
            sum += word;
        if (rest.Length != 0)
            sum += BitConverter.IsLittleEndian ? rest[0] : (uint)rest[0] << 8;

        // A number and itself with its halves swapped add up to both halves' sum in the upper one, with its end-around carry.
        uint half = (uint)((sum + BitOperations.RotateLeft(sum, 32)) >> 32);
        ushort folded = Fold(half);
        return (uint)Fold(start) + (BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(folded) : folded);
    }

    // As many whole ones as there are.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ReadOnlySpan<T> Take<T>(ref ReadOnlySpan<byte> rest)
        where T : struct
    {
        ReadOnlySpan<T> taken = MemoryMarshal.Cast<byte, T>(rest);
        rest = rest[(taken.Length * Unsafe.SizeOf<T>())..];
        return taken;
    }

    /// <summary>What <see cref="Sum(ReadOnlySpan{byte}, uint)"/> computes, two bytes at a time: the reference that it is tested against.</summary>
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
