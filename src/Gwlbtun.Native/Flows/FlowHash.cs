using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// A keyed 64-bit hash: words mixed with secrets by 64 × 64 → 128 bit multiplications, as wyhash does. The secrets
/// are drawn per table, so nobody who chooses the tuples (anyone who can send a packet) can choose what collides.
/// </summary>
internal readonly struct FlowHash
{
    private readonly ulong _secret0;
    private readonly ulong _secret1;
    private readonly ulong _secret2;
    private readonly ulong _secret3;
    private readonly ulong _secret4;
    private readonly ulong _secret5;

    private FlowHash(ReadOnlySpan<ulong> secrets)
    {
        // A multiplication by an even number throws bits away.
        _secret0 = secrets[0] | 1;
        _secret1 = secrets[1] | 1;
        _secret2 = secrets[2] | 1;
        _secret3 = secrets[3] | 1;
        _secret4 = secrets[4] | 1;
        _secret5 = secrets[5] | 1;
    }

    public static FlowHash Seeded()
    {
        Span<ulong> secrets = stackalloc ulong[6];
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(secrets));
        return new FlowHash(secrets);
    }

    /// <summary>The same for both directions of a flow.</summary>
    /// <remarks>
    /// Everything goes through two multiplications. After one alone, keys that count upwards, as a client's ports do, would still lie at equal
    /// distances: with some secrets all of them in one half of the table, and none of the flows that might give way to a new one beside them.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Of(in FlowKey key)
    {
        ulong rest = key.Ports | ((ulong)key.Protocol << 32);
        ulong low;
        ulong high;
        if (key.Family == FlowFamily.V4)
        {
            high = Math.BigMul(key.Address0 ^ _secret0, rest ^ _secret1, out low);
        }
        else
        {
            ulong lower = Mix(key.Address0 ^ _secret0, key.Address1 ^ _secret1);
            ulong higher = Mix(key.Address2 ^ _secret2, key.Address3 ^ _secret3);
            high = Math.BigMul(lower ^ rest ^ _secret4, higher ^ _secret5, out low);
        }

        return Mix(low ^ _secret2, high ^ _secret3);
    }

    /// <summary>The hash of whole words and a number beside them.</summary>
    public ulong Of(ReadOnlySpan<ulong> words, ulong with)
    {
        ulong hash = with ^ _secret0;
        foreach (ulong word in words)
            hash = Mix(hash ^ _secret1, word ^ _secret2);
        return Mix(hash ^ _secret3, _secret4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mix(ulong left, ulong right)
    {
        ulong high = Math.BigMul(left, right, out ulong low);
        return high ^ low;
    }
}
