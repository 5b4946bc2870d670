using System.Runtime.CompilerServices;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// One endpoint's device pair while it lives: data threads use it as a lease, its actor opens and disposes it.
/// </summary>
public sealed unsafe class TunnelPort : IDisposable
{
    private readonly IDataPlaneObserver _observer;
    private readonly QueueBinding?[] _returnsAtOnce;
    private int _isFaulted;

    private TunnelPort(EniGate gate, NamedNetworkNamespace? network, TunDevice ingress, TunDevice? egress, int queues, IDataPlaneObserver observer)
    {
        Gate = gate;
        Namespace = network;
        Ingress = ingress;
        Egress = egress;
        _returnsAtOnce = new QueueBinding?[queues];
        _observer = observer;
    }

    /// <summary>The endpoint.</summary>
    public EniGate Gate { get; }

    /// <summary>The network namespace that the devices are in; null for the handler's own.</summary>
    public NamedNetworkNamespace? Namespace { get; }

    /// <summary><c>gwi-X</c>: packets from the load balancer come out of it.</summary>
    public TunDevice Ingress { get; }

    /// <summary><c>gwo-X</c>: packets that go into it return to the load balancer. Null when return traffic is off.</summary>
    public TunDevice? Egress { get; }

    /// <summary>Whether one of its devices has failed.</summary>
    public bool IsFaulted => Volatile.Read(ref _isFaulted) != 0;

    /// <summary>Makes the device pair and brings it up, in the endpoint's own network namespace if it is to have one.</summary>
    /// <exception cref="LinuxException">A device or the namespace cannot be made; no device is left behind.</exception>
    public static TunnelPort Open(EniGate gate, DataPlaneOptions options, IDataPlaneObserver observer)
    {
        var network = options.Namespaces is { } pattern ? gate.TakeNamespace(pattern.NameOf(gate.EniId)) : null;
        var devices = network is null ? MakeDevices(gate.EniId, options) : network.Run(() => MakeDevices(gate.EniId, options));
        // Not inside the namespace: whoever is told may start threads there.
        if (devices.SteeringRefusal is { } refusal)
            observer.OnSteeringRefused(refusal);
        return new(gate, network, devices.Ingress, devices.Egress, options.TunnelThreads.Count, observer);
    }

    private static (TunDevice Ingress, TunDevice? Egress, LinuxError? SteeringRefusal) MakeDevices(ulong eniId, DataPlaneOptions options)
    {
        var queues = options.TunnelThreads.Count;
        TunDevice? egress = null;
        LinuxError? steeringRefusal = null;
        var ingress = TunDevice.Create(EniName.IngressDevice(eniId), queues, withVirtioHeaders: true);
        try
        {
            if (options.ReturnTraffic)
                egress = TunDevice.Create(EniName.EgressDevice(eniId), queues, withVirtioHeaders: true);
            // Tried at the start: a device that refuses gives us packets one by one, which is no less right.
            _ = ingress.SetOffload(options.Offloads.ForDevice);
            _ = egress?.SetOffload(options.Offloads.ForDevice);
            if (options.SteerReturns && queues > 1)
            {
                foreach (var device in (TunDevice?[])[ingress, egress])
                {
                    if (device is not null && !QueueSteering.TryAttach(device, ingress.InterfaceIndex, out var refusal))
                        steeringRefusal = refusal;
                }
            }

            RouteNetlink.BringUp(ingress.InterfaceIndex, options.Mtu, options.QueueLength);
            if (egress is not null)
                RouteNetlink.BringUp(egress.InterfaceIndex, options.Mtu, options.QueueLength);
            return (ingress, egress, steeringRefusal);
        }
        catch
        {
            ingress.Dispose();
            egress?.Dispose();
            throw;
        }
    }

    /// <summary>What is wrong with the devices at this moment, as far as the kernel knows: one is down or deleted, or their namespace is. Null when nothing is.</summary>
    public string? FindFault()
    {
        if (Namespace is null)
            return FindDeviceFault();
        return Namespace.IsNamed ? Namespace.Run(FindDeviceFault) : $"network namespace {Namespace.Name} was deleted";
    }

    private string? FindDeviceFault()
    {
        foreach (var device in (TunDevice?[])[Ingress, Egress])
        {
            if (device is not null && !RouteNetlink.IsUp(device.InterfaceIndex))
                return $"{device.Name} is down or deleted";
        }

        return null;
    }

    /// <summary>A device failed: packets wait at the gate from now on, and the owner is told, once.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void ReportFault(TunDevice device, LinuxError error)
    {
        if (Interlocked.Exchange(ref _isFaulted, 1) != 0)
            return;
        Gate.Suspend(this);
        _observer.OnPortFault(this, device.Name, error);
    }

    /// <summary>Learns a received packet's flow. Before it is written: the answer may come back within the write.</summary>
    /// <param name="packet">The packet, its flow prefetched.</param>
    /// <param name="counters">Where to count.</param>
    /// <param name="nowMs">Milliseconds of <see cref="Environment.TickCount64"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Learn(in ReceivedPacket packet, CounterBlock* counters, long nowMs)
    {
        if (Gate.Matcher is not { } matcher)
            return;
        var refusal = matcher.Learn(packet.Probe, packet.Packet, packet.Inner, packet.GeneveHeader, packet.Geneve, packet.Path, nowMs);
        if (refusal != DropReason.None)
            counters->Drop(refusal);
    }

    /// <summary>Learns a received packet's flow. Before it is written: the answer may come back within the write.</summary>
    /// <param name="packet">The packet, its flow prefetched.</param>
    /// <param name="nowMs">Milliseconds of <see cref="Environment.TickCount64"/>.</param>
    /// <returns>Why it was not learned, to be counted once the packet is written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal DropReason Learn(in ReceivedPacket packet, long nowMs) =>
        Gate.Matcher?.Learn(packet.Probe, packet.Packet, packet.Inner, packet.GeneveHeader, packet.Geneve, packet.Path, nowMs) ?? DropReason.None;

    /// <summary>Learns a received packet's flow and writes the packet into the ingress device.</summary>
    /// <param name="packet">The packet, its flow prefetched. What stands in front of it may be written over; if it is not delivered, it is as it was.</param>
    /// <param name="queue">Which queue of the device to write through.</param>
    /// <param name="counters">Where to count.</param>
    /// <param name="nowMs">Milliseconds of <see cref="Environment.TickCount64"/>.</param>
    /// <returns>What became of it. When the device has failed the packet is not counted.</returns>
    internal WriteOutcome Deliver(in ReceivedPacket packet, int queue, CounterBlock* counters, long nowMs)
    {
        var unlearned = Learn(packet, nowMs);
        var start = packet.Datagram + packet.Geneve.Length - VirtioNetHeader.Length;
        var before = Unsafe.ReadUnaligned<VirtioNetHeader>(start);
        Unsafe.WriteUnaligned(start, default(VirtioNetHeader));
        var piece = new IoVector { Base = start, Length = (nuint)(VirtioNetHeader.Length + packet.Inner.Length) };
        var outcome = Write(queue, &piece, 1);
        if (outcome == WriteOutcome.DeviceFailed)
        {
            Unsafe.WriteUnaligned(start, before);
            return outcome;
        }

        counters->CountDelivery(outcome, unlearned, packet.Inner.Length, nowMs);
        return outcome;
    }

    /// <summary>Writes a packet or super-packet, virtio header first, into the ingress device. A failed device is reported.</summary>
    internal WriteOutcome Write(int queue, IoVector* pieces, int count)
    {
        var written = Ingress.Write(queue, pieces, count);
        if (!written.IsError)
            return WriteOutcome.Written;
        if (written.Errno is not (LinuxError.EIO or LinuxError.EBADFD or LinuxError.EBADF))
            return WriteOutcome.Refused;
        ReportFault(Ingress, written.Error);
        return WriteOutcome.DeviceFailed;
    }

    /// <summary>The queue in which what is written through queue <paramref name="queue"/> comes back within the write, for whoever writes in the thread that reads it; null: none is known.</summary>
    internal QueueBinding? ReturnsAtOnce(int queue) => _returnsAtOnce[queue];

    /// <summary>Where packets came back within the write, or no longer do. The thread of that number alone calls.</summary>
    internal void NoteReturnsAtOnce(int queue, QueueBinding? binding) => _returnsAtOnce[queue] = binding;

    /// <summary>Closes the devices. No data thread may use the port any more.</summary>
    public void Dispose()
    {
        Ingress.Dispose();
        Egress?.Dispose();
    }
}

/// <summary>What became of a write into a device.</summary>
internal enum WriteOutcome
{
    /// <summary>The kernel has it.</summary>
    Written,

    /// <summary>The kernel does not want this one.</summary>
    Refused,

    /// <summary>The device takes nothing more.</summary>
    DeviceFailed,
}
