using System.Runtime.InteropServices;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;

namespace Gwlbtun.Emulator.Bridging;

/// <summary>What the fragments of one datagram share: ends, protocol (IPv6: none, RFC 8200 section 4.5) and identification.</summary>
internal readonly record struct FragmentKey(FlowEnd Source, FlowEnd Destination, byte Version, byte Protocol, uint Id)
{
    public static FragmentKey From(ReadOnlySpan<byte> packet, in InnerView inner)
    {
        ReadOnlySpan<byte> addresses = inner.Addresses(packet);
        int half = addresses.Length / 2;
        return new FragmentKey(
            FlowEnd.From(addresses[..half], [0, 0]),
            FlowEnd.From(addresses[half..], [0, 0]),
            inner.Version,
            inner.Version == 4 ? inner.Protocol : (byte)0,
            inner.Fragment.Id);
    }
}

/// <summary>Which flows' headers the later fragments of a datagram may carry.</summary>
internal struct FragmentRecord
{
    /// <summary>The flow of its first fragment, in whichever direction that was seen.</summary>
    public FlowTuple? Whole;

    /// <summary>Whether the load balancer sent a later fragment of it, with the header of the flow without ports.</summary>
    public bool WasSentInParts;

    public long LastMs;
}

/// <summary>Datagrams in fragments, as long as fragments of them may still come. One thread uses it.</summary>
internal sealed class FragmentRecords
{
    // Linux gives a datagram up after as long (net.ipv4.ipfrag_time).
    private const long LifetimeMs = 30_000;

    private readonly Dictionary<FragmentKey, FragmentRecord> _records = [];

    /// <summary>The datagram's record, made when there is none. Valid until the next call.</summary>
    public ref FragmentRecord GetOrAdd(in FragmentKey key, long nowMs)
    {
        ref FragmentRecord record = ref CollectionsMarshal.GetValueRefOrAddDefault(_records, key, out _);
        record.LastMs = nowMs;
        return ref record;
    }

    /// <summary>The datagram's record, or a null reference. Valid until the next call.</summary>
    public ref FragmentRecord Find(in FragmentKey key) => ref CollectionsMarshal.GetValueRefOrNullRef(_records, key);

    /// <summary>Forgets old datagrams.</summary>
    public void Sweep(long nowMs)
    {
        // Removing while enumerating is allowed.
        foreach ((FragmentKey key, FragmentRecord record) in _records)
        {
            if (nowMs - record.LastMs > LifetimeMs)
                _records.Remove(key);
        }
    }
}
