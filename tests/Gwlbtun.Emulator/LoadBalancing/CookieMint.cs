namespace Gwlbtun.Emulator.LoadBalancing;

/// <summary>
/// Issues flow cookies that look random, never repeat, and can be traced back to when they were issued: the n-th is a permutation of
/// seed + n (the finalizer of MurmurHash3, which is one of all 32-bit numbers).
/// </summary>
internal sealed class CookieMint(ulong seed)
{
    private readonly uint _first = (uint)(seed ^ seed >> 32);

    /// <summary>How many were issued.</summary>
    public int Count { get; private set; }

    public uint Next() => Mix(_first + (uint)Count++);

    /// <summary>The place of a cookie among those issued, from 0 on; <see cref="Count"/> or above for one that was not issued.</summary>
    public uint IndexOf(uint cookie) => Unmix(cookie) - _first;

    private static uint Mix(uint value)
    {
        value = (value ^ value >> 16) * 0x85EB_CA6B;
        value = (value ^ value >> 13) * 0xC2B2_AE35;
        return value ^ value >> 16;
    }

    // Backwards, with the inverses of the two factors modulo 2^32.
    private static uint Unmix(uint value)
    {
        value = (value ^ value >> 16) * 0x7ED1_B41D;
        value = (value ^ value >> 13 ^ value >> 26) * 0xA5CB_9243;
        return value ^ value >> 16;
    }
}
