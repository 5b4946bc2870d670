using System.Runtime.CompilerServices;

namespace Gwlbtun.Native.Offload;

/// <summary>
/// The newest group of each key of a batch, for what puts packets together. A key has two places in a small table: one that finds both taken begins anew, which costs a
/// merge and no more. One thread uses it.
/// </summary>
internal sealed class NewestGroups
{
    private const int Slots = 1024;

    private readonly Slot[] _slots = new Slot[Slots];

    // Only slots of the current epoch count.
    private uint _epoch = 1;

    /// <summary>Forgets all groups.</summary>
    public void Forget()
    {
        if (++_epoch != 0)
            return;
        Array.Clear(_slots);
        _epoch = 1;
    }

    /// <summary>The newest group of a key, to be read or replaced.</summary>
    /// <param name="hash">A hash of the key, with good lowest bits. Another key may have the same.</param>
    /// <param name="isKnown">Whether there is one; else it is the caller's to set.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref int Of(ulong hash, out bool isKnown)
    {
        // The key's own place; else one that is free, or the first of the two.
        ref Slot slot = ref _slots[(int)(hash % Slots)];
        if (slot.Epoch == _epoch && slot.Hash != hash)
        {
            ref Slot second = ref _slots[(int)(hash % Slots) ^ 1];
            if (second.Epoch != _epoch || second.Hash == hash)
                slot = ref second;
        }

        isKnown = slot.Epoch == _epoch && slot.Hash == hash;
        slot.Epoch = _epoch;
        slot.Hash = hash;
        return ref slot.Group;
    }

    private struct Slot
    {
        public ulong Hash;
        public uint Epoch;
        public int Group;
    }
}
