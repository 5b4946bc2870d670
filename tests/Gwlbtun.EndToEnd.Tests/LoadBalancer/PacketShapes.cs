using System.Buffers.Binary;

namespace Gwlbtun.EndToEnd.Tests.LoadBalancer;

/// <summary>Gives packets of <see cref="InnerPackets"/> the less common shapes of RFC 791 and RFC 8200: options, extension headers, fragments.</summary>
internal static class PacketShapes
{
    public const byte HopByHop = 0;
    public const byte Routing = 43;
    public const byte Fragment = 44;
    public const byte Authentication = 51;
    public const byte NoNextHeader = 59;
    public const byte DestinationOptions = 60;

    private const byte NoOperation = 1;
    private const byte PadN = 1;
    private const int FragmentHeader = 8;

    /// <summary>The IPv4 packet with so many 32-bit words of options, 1 to 10, which say nothing.</summary>
    public static byte[] WithOptions(ReadOnlySpan<byte> packet, int words)
    {
        byte[] shaped = [.. packet[..20], .. Enumerable.Repeat(NoOperation, 4 * words), .. packet[20..]];
        shaped[0] = (byte)(0x45 + words);
        BinaryPrimitives.WriteUInt16BigEndian(shaped.AsSpan(2), (ushort)shaped.Length);
        WriteHeaderChecksum(shaped);
        return shaped;
    }

    /// <summary>The IPv6 packet with these extension headers, in this order, between its header and its transport.</summary>
    public static byte[] WithExtensionHeaders(ReadOnlySpan<byte> packet, params byte[] chain)
    {
        List<byte> headers = [];
        for (var i = 0; i < chain.Length; i++)
        {
            var next = i + 1 < chain.Length ? chain[i + 1] : packet[6];
            headers.AddRange(chain[i] switch
            {
                Fragment => [next, 0, 0, 0, 0xA7, 0x03, 0x1C, 0x00], // atomic (RFC 6946)
                Authentication => [next, 4, 0, 0, .. new byte[20]],
                Routing => [next, 0, 253, 0, 0, 0, 0, 0], // an experimental type with no segments left
                _ => [next, 0, PadN, 4, 0, 0, 0, 0],
            });
        }
        byte[] shaped = [.. packet[..40], .. headers, .. packet[40..]];
        if (chain.Length > 0)
            shaped[6] = chain[0];
        BinaryPrimitives.WriteUInt16BigEndian(shaped.AsSpan(4), (ushort)(shaped.Length - 40));
        return shaped;
    }

    /// <summary>The packet in fragments that carry so many bytes each, a multiple of 8, but for the last.</summary>
    public static byte[][] Fragments(byte[] packet, int bytes, uint identification)
    {
        var v6 = packet[0] >> 4 == 6;
        var payload = packet.AsSpan(v6 ? 40 : 20);
        List<byte[]> fragments = [];
        for (var offset = 0; offset < payload.Length; offset += bytes)
        {
            var isLast = offset + bytes >= payload.Length;
            var part = payload[offset..(isLast ? payload.Length : offset + bytes)];
            fragments.Add(v6 ? Fragment6(packet, part, offset, isLast, identification) : Fragment4(packet, part, offset, isLast, identification));
        }
        return [.. fragments];
    }

    /// <summary>Puts fragments of one packet together again, in whatever order they are; throws when there is a gap or an overlap. Returns what follows the IP header.</summary>
    public static byte[] Reassemble(IEnumerable<byte[]> fragments)
    {
        var parts = fragments.Select(Part).OrderBy(part => part.Offset).ToArray();
        byte[] payload = [];
        foreach (var (offset, hasMore, bytes) in parts)
        {
            if (offset != payload.Length)
                throw new InvalidDataException($"a fragment begins at {offset}, the one before it ends at {payload.Length}");
            payload = [.. payload, .. bytes];
            if (hasMore == (offset == parts[^1].Offset))
                throw new InvalidDataException($"the fragment at {offset} says wrongly whether it is the last");
        }
        return payload;
    }

    /// <summary>Where a fragment's bytes belong; a whole packet is one that begins at 0 and has no more after it.</summary>
    public static (int Offset, bool HasMore, byte[] Bytes) Part(byte[] fragment)
    {
        if (fragment[0] >> 4 == 4)
        {
            var word = BinaryPrimitives.ReadUInt16BigEndian(fragment.AsSpan(6));
            return ((word & 0x1FFF) * 8, (word & 0x2000) != 0, fragment[((fragment[0] & 15) * 4)..]);
        }
        if (fragment[6] != Fragment)
            return (0, false, fragment[40..]);
        var field = BinaryPrimitives.ReadUInt16BigEndian(fragment.AsSpan(42));
        return (field & 0xFFF8, (field & 1) != 0, fragment[48..]);
    }

    private static byte[] Fragment4(byte[] packet, ReadOnlySpan<byte> part, int offset, bool isLast, uint identification)
    {
        byte[] fragment = [.. packet.AsSpan(0, 20), .. part];
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(2), (ushort)fragment.Length);
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(4), (ushort)identification);
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(6), (ushort)((isLast ? 0 : 0x2000) | (offset / 8)));
        WriteHeaderChecksum(fragment);
        return fragment;
    }

    private static byte[] Fragment6(byte[] packet, ReadOnlySpan<byte> part, int offset, bool isLast, uint identification)
    {
        byte[] fragment = [.. packet.AsSpan(0, 40), .. new byte[FragmentHeader], .. part];
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(4), (ushort)(fragment.Length - 40));
        fragment[40] = fragment[6];
        fragment[6] = Fragment;
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(42), (ushort)(offset | (isLast ? 0 : 1)));
        BinaryPrimitives.WriteUInt32BigEndian(fragment.AsSpan(44), identification);
        return fragment;
    }

    private static void WriteHeaderChecksum(Span<byte> packet)
    {
        packet[10] = packet[11] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], InnerPackets.Checksum(packet[..((packet[0] & 15) * 4)], 0));
    }
}
