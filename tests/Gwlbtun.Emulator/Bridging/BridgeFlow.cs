using System.Runtime.InteropServices;
using Gwlbtun.Emulator.LoadBalancing;

namespace Gwlbtun.Emulator.Bridging;

/// <summary>A flow, who opened it, and which way its tuple runs: what goes the opener's way belongs on the other side, wherever it comes from.</summary>
internal struct BridgeFlow
{
    public Flow Flow;

    public Side Opener;

    /// <summary>Whether the opener's packets go from the tuple's high end to its low one.</summary>
    public bool OpenerIsReversed;
}

/// <summary>The bridge's flows by tuple. One thread uses it.</summary>
internal sealed class BridgeFlowTable
{
    private readonly Dictionary<FlowTuple, BridgeFlow> _flows = [];

    /// <summary>The flow with this tuple, made when there is none. Valid until the next call.</summary>
    public ref BridgeFlow GetOrAdd(in FlowTuple tuple, out bool exists) => ref CollectionsMarshal.GetValueRefOrAddDefault(_flows, tuple, out exists);

    /// <summary>The flow with this tuple, or a null reference. Valid until the next call.</summary>
    public ref BridgeFlow Find(in FlowTuple tuple) => ref CollectionsMarshal.GetValueRefOrNullRef(_flows, tuple);

    /// <summary>Forgets flows that have been idle too long.</summary>
    public void Sweep(LoadBalancer loadBalancer, long nowMs)
    {
        // Removing while enumerating is allowed.
        foreach (FlowTuple tuple in _flows.Keys)
        {
            if (loadBalancer.Expire(ref Find(tuple).Flow, nowMs))
                _flows.Remove(tuple);
        }
    }
}
