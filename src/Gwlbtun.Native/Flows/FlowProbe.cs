namespace Gwlbtun.Native.Flows;

/// <summary>
/// A key that one <see cref="FlowTable"/> has hashed, and whose flow is on its way into the cache: see <see cref="FlowTable.Prefetch"/>.
/// Of no use to another table.
/// </summary>
public readonly struct FlowProbe
{
    internal readonly FlowKey Key;
    internal readonly ulong Hash;

    internal FlowProbe(in FlowKey key, ulong hash)
    {
        Key = key;
        Hash = hash;
    }

    /// <summary>The same flow in the other direction.</summary>
    public FlowProbe Reversed() => new(Key.Reversed(), Hash);
}
