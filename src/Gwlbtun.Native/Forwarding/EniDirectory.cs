using System.Runtime.CompilerServices;
using Gwlbtun.Native.Flows;

namespace Gwlbtun.Native.Forwarding;

/// <summary>Which endpoints there are: an immutable map, replaced whole, read without a lock.</summary>
public sealed class EniDirectory
{
    private readonly Dictionary<ulong, EniGate> _gates;

    private EniDirectory(Dictionary<ulong, EniGate> gates) => _gates = gates;

    /// <summary>No endpoint.</summary>
    public static EniDirectory Empty { get; } = new([]);

    /// <summary>Every endpoint's gate, in no order.</summary>
    public IReadOnlyCollection<EniGate> Gates => _gates.Values;

    /// <summary>The endpoint's gate, or null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public EniGate? Find(ulong eniId) => _gates.TryGetValue(eniId, out var gate) ? gate : null;

    internal EniDirectory With(EniGate gate) => new(new(_gates) { [gate.EniId] = gate });

    internal EniDirectory Without(EniGate gate)
    {
        var gates = new Dictionary<ulong, EniGate>(_gates);
        gates.Remove(gate.EniId);
        return new(gates);
    }
}

/// <summary>
/// Holds the current <see cref="EniDirectory"/>. Data threads admit endpoints, so that a first packet has a gate to wait at;
/// only the control plane removes them.
/// </summary>
public sealed class EniRegistry
{
    private readonly Lock _lock = new();
    private readonly DataPlaneOptions _options;
    private readonly IDataPlaneObserver _observer;
    private readonly PacketBatchPool _pool;
    private readonly WaitingFragments _waitingFragments;
    private readonly FlowBudget _budget;
    private volatile EniDirectory _current = EniDirectory.Empty;

    /// <summary>Creates an empty registry.</summary>
    public EniRegistry(DataPlaneOptions options, IDataPlaneObserver observer)
    {
        _options = options;
        _observer = observer;
        _pool = new(options.Hold.BytesTotal);
        _waitingFragments = new(options.Fragments.Wait, options.Mtu);
        _budget = new(options.MaxTotalFlows, options.MaxEnis);
    }

    /// <summary>The directory as it is now.</summary>
    public EniDirectory Current => _current;

    /// <summary>Bytes of packets that wait for tunnels, of all endpoints.</summary>
    public long HeldBytes => _pool.HeldBytes;

    /// <summary>The endpoint's gate, made when there is none.</summary>
    /// <returns>Null when there are as many endpoints as may be.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal EniGate? Admit(ulong eniId)
    {
        EniGate gate;
        lock (_lock)
        {
            if (_current.Find(eniId) is { } known)
                return known;
            if (_current.Gates.Count >= _options.MaxEnis)
                return null;
            gate = new(eniId, _options, _pool, _waitingFragments, _budget);
            _current = _current.With(gate);
        }

        _observer.OnNewEni(gate);
        return gate;
    }

    /// <summary>
    /// Takes an endpoint out of the directory, unless packets wait at its gate. The caller then awaits
    /// <see cref="Quiescence"/> and disposes the gate.
    /// </summary>
    /// <returns>False when packets wait: a tunnel is wanted again.</returns>
    public bool TryRemove(EniGate gate)
    {
        lock (_lock)
        {
            if (!gate.TryEnd())
                return false;
            _current = _current.Without(gate);
            return true;
        }
    }
}
