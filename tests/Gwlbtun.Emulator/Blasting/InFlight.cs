using System.Numerics;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>What became of a packet that came back.</summary>
internal enum Return
{
    /// <summary>It was on its way.</summary>
    First,

    /// <summary>It came back before, or was never sent.</summary>
    Again,

    /// <summary>So many were sent since that its place is taken: nobody knows any more.</summary>
    TooLate,
}

/// <summary>When each packet was sent, as long as it is on its way: a ring over the last million packet numbers.</summary>
internal sealed class InFlight(int atLeast)
{
    private readonly long[] _sentAt = new long[Math.Max(1 << 20, BitOperations.RoundUpToPowerOf2((uint)atLeast * 2))];
    private long _last = -1;

    /// <param name="number">The packet, in ascending order.</param>
    /// <param name="now">A time above 0.</param>
    public void Sent(long number, long now)
    {
        _last = number;
        _sentAt[number & (_sentAt.Length - 1)] = now;
    }

    /// <summary>It was not sent after all.</summary>
    public void Skipped(long number) => Sent(number, 0);

    /// <summary>Takes a packet out.</summary>
    /// <param name="number">The packet.</param>
    /// <param name="sentAt">When it was sent, if it was on its way.</param>
    public Return Take(long number, out long sentAt)
    {
        sentAt = 0;
        if (number > _last)
            return Return.Again;
        if (_last - number >= _sentAt.Length)
            return Return.TooLate;
        ref long slot = ref _sentAt[number & (_sentAt.Length - 1)];
        (sentAt, slot) = (slot, 0);
        return sentAt != 0 ? Return.First : Return.Again;
    }
}
