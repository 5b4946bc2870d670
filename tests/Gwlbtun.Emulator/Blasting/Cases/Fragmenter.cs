using System.Buffers.Binary;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>Cuts datagrams into fragments (RFC 791 section 3.2, RFC 8200 section 4.5).</summary>
internal static class Fragmenter
{
    private const int FragmentHeaderLength = 8;
    private const byte CopiedFlag = 0x80;
    private const byte EndOfOptions = 0;
    private const byte NoOperation = 1;

    /// <summary>Bytes of the headers of each fragment.</summary>
    public static int HeaderLength(in Datagram datagram, bool isIpv6) => datagram.FixedLength + (isIpv6 ? FragmentHeaderLength : 0);

    /// <summary>Bytes that a fragment of at most this size carries, a multiple of 8.</summary>
    public static int CapacityOf(int fragmentSize, in Datagram datagram, bool isIpv6) => fragmentSize - HeaderLength(datagram, isIpv6) & ~7;

    /// <summary>Writes one fragment.</summary>
    /// <param name="destination">Where to.</param>
    /// <param name="whole">The datagram.</param>
    /// <param name="datagram">How it is built.</param>
    /// <param name="offset">Where the fragment's part of it begins, a multiple of 8.</param>
    /// <param name="count">Bytes of that.</param>
    /// <param name="id">What all fragments of the datagram share; 16 bits over IPv4.</param>
    /// <returns>The fragment's length.</returns>
    public static int Write(Span<byte> destination, ReadOnlySpan<byte> whole, in Datagram datagram, int offset, int count, uint id)
    {
        bool isIpv6 = whole[0] >> 4 == 6;
        bool hasMore = offset + count < datagram.FragmentableLength;
        int header = HeaderLength(datagram, isIpv6);
        destination = destination[..(header + count)];
        whole[..datagram.FixedLength].CopyTo(destination);
        whole.Slice(datagram.FixedLength + offset, count).CopyTo(destination[header..]);
        if (isIpv6)
        {
            Span<byte> fragmentHeader = destination.Slice(datagram.FixedLength, FragmentHeaderLength);
            fragmentHeader[0] = whole[datagram.NextHeaderAt];
            fragmentHeader[1] = 0;
            BinaryPrimitives.WriteUInt16BigEndian(fragmentHeader[2..], (ushort)(offset | (hasMore ? 1 : 0)));
            BinaryPrimitives.WriteUInt32BigEndian(fragmentHeader[4..], id);
            destination[datagram.NextHeaderAt] = IpProtocol.Fragment;
            BinaryPrimitives.WriteUInt16BigEndian(destination[4..], (ushort)(destination.Length - 40));
            return destination.Length;
        }

        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)destination.Length);
        BinaryPrimitives.WriteUInt16BigEndian(destination[4..], (ushort)id);
        BinaryPrimitives.WriteUInt16BigEndian(destination[6..], (ushort)(offset / 8 | (hasMore ? 0x2000 : 0)));
        if (offset != 0)
            BlankOptionsNotCopied(destination[20..datagram.FixedLength]);
        BinaryPrimitives.WriteUInt16BigEndian(destination[10..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(destination[10..], InternetChecksum.Compute(destination[..datagram.FixedLength]));
        return destination.Length;
    }

    // Later fragments have only the options whose flag says so; as Linux does it, the others' room stays (net/ipv4/ip_options.c).
    private static void BlankOptionsNotCopied(Span<byte> options)
    {
        for (int at = 0; at < options.Length && options[at] != EndOfOptions;)
        {
            int length = options[at] == NoOperation ? 1 : options[at + 1];
            if ((options[at] & CopiedFlag) == 0)
                options.Slice(at, length).Fill(NoOperation);
            at += length;
        }
    }
}
