using System.Runtime.InteropServices;

namespace Gwlbtun.Emulator.Judging;

/// <summary>The judge's own Internet checksum (RFC 1071), apart from the one that packets are built with.</summary>
internal static class OnesComplement
{
    /// <summary>Whether the bytes, with what was summed before, add up to all ones as a valid checksum makes them.</summary>
    public static bool IsValid(ReadOnlySpan<byte> bytes, ulong start = 0) => Fold(Sum(bytes, start)) == 0xFFFF;

    /// <summary>Adds 16-bit words in the machine's byte order; a last odd byte counts as if a zero followed.</summary>
    public static ulong Sum(ReadOnlySpan<byte> bytes, ulong start = 0)
    {
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(bytes);
        foreach (uint word in words)
            start += word;
        Span<byte> rest = stackalloc byte[4];
        rest.Clear();
        bytes[(words.Length * 4)..].CopyTo(rest);
        return start + MemoryMarshal.Read<uint>(rest);
    }

    private static ulong Fold(ulong sum)
    {
        while (sum >> 16 != 0)
            sum = (sum >> 16) + (sum & 0xFFFF);
        return sum;
    }
}
