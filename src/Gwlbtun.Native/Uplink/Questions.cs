namespace Gwlbtun.Native.Uplink;

/// <summary>
/// Destinations that data threads asked for and that the control thread has not looked at yet: any data thread sets a free slot, the
/// control thread alone frees it. While a destination stands here it is not asked for again; when there is no room, a later packet asks.
/// </summary>
internal sealed class Questions
{
    public const int Slots = 64;

    private const int Probes = 4;
    private const ulong GoldenRatio = 0x9E3779B97F4A7C15;
    private const int HashShift = 58;

    private readonly ulong[] _slots = new ulong[Slots];

    /// <summary>What stands in a slot; 0 for nothing.</summary>
    public ulong this[int slot] => Volatile.Read(ref _slots[slot]);

    /// <summary>Asks for a key other than 0. True when that is news to the control thread, which is then to be woken.</summary>
    public bool Add(ulong key)
    {
        var first = (int)(key * GoldenRatio >> HashShift);
        for (var i = 0; i < Probes; i++)
        {
            ref var slot = ref _slots[(first + i) % Slots];
            var standing = Volatile.Read(ref slot);
            if (standing == 0)
                standing = Interlocked.CompareExchange(ref slot, key, 0);
            if (standing == 0)
                return true;
            if (standing == key)
                return false;
        }

        return false;
    }

    /// <summary>The control thread has answered.</summary>
    public void Free(int slot) => Volatile.Write(ref _slots[slot], 0);
}
