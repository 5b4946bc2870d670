using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// Lets an owner know when no data thread can still be using what it has just withdrawn.
/// </summary>
/// <remarks>
/// Protocol. Each data thread owns one <see cref="Turn"/>: a number that is odd while the thread works through a batch and
/// even while it waits in the kernel. Entering a turn is a store and a full fence, so that everything the thread reads in the
/// turn is read after. The owner withdraws (makes unreachable), issues a full fence, then samples every turn: an even one
/// cannot hold anything old, an odd one is done once its number has changed.
/// </remarks>
public sealed class Quiescence
{
    private readonly Lock _registration = new();
    private Turn[] _turns = [];

    internal Turn Register()
    {
        var turn = new Turn();
        lock (_registration)
            _turns = [.. _turns, turn];
        return turn;
    }

    internal void Unregister(Turn turn)
    {
        lock (_registration)
            _turns = [.. _turns.Where(t => t != turn)];
    }

    /// <summary>Completes once every data thread has finished the turn it was in, if any, when this was called.</summary>
    public async Task WhenPassedAsync(CancellationToken cancellation = default)
    {
        Interlocked.MemoryBarrier();
        foreach (var turn in Volatile.Read(ref _turns))
        {
            var sampled = turn.Number;
            while ((sampled & 1) != 0 && turn.Number == sampled)
                await Task.Delay(1, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>One thread's turn number, on a cache line of its own.</summary>
    internal sealed class Turn
    {
        private Padded _number;

        public long Number => Volatile.Read(ref _number.Value);

        public void Enter()
        {
            _number.Value++;
            Interlocked.MemoryBarrier();
        }

        public void Leave() => Volatile.Write(ref _number.Value, _number.Value + 1);

        /// <summary>The thread is gone, perhaps from the middle of a turn: an owner that waits for that turn may go on.</summary>
        public void End() => Volatile.Write(ref _number.Value, (_number.Value | 1) + 1);

        [StructLayout(LayoutKind.Explicit, Size = 256)]
        private struct Padded
        {
            [FieldOffset(128)]
            public long Value;
        }
    }
}
