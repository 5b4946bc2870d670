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
    private int _isFaulted;

    private TunnelPort(EniGate gate, TunDevice ingress, TunDevice? egress, IDataPlaneObserver observer)
    {
        Gate = gate;
        Ingress = ingress;
        Egress = egress;
        _observer = observer;
    }

    /// <summary>The endpoint.</summary>
    public EniGate Gate { get; }

    /// <summary><c>gwi-X</c>: packets from the load balancer come out of it.</summary>
    public TunDevice Ingress { get; }

    /// <summary><c>gwo-X</c>: packets that go into it return to the load balancer. Null when return traffic is off.</summary>
    public TunDevice? Egress { get; }

    /// <summary>Whether one of its devices has failed.</summary>
    public bool IsFaulted => Volatile.Read(ref _isFaulted) != 0;

    /// <summary>Makes the device pair and brings it up.</summary>
    /// <exception cref="LinuxException">A device cannot be made; nothing is left behind.</exception>
    public static TunnelPort Open(EniGate gate, DataPlaneOptions options, IDataPlaneObserver observer)
    {
        var queues = options.TunnelThreads.Count;
        TunDevice? egress = null;
        var ingress = TunDevice.Create(EniName.IngressDevice(gate.EniId), queues);
        try
        {
            if (options.ReturnTraffic)
                egress = TunDevice.Create(EniName.EgressDevice(gate.EniId), queues);
            RouteNetlink.BringUp(ingress.InterfaceIndex, options.Mtu, options.QueueLength);
            if (egress is not null)
                RouteNetlink.BringUp(egress.InterfaceIndex, options.Mtu, options.QueueLength);
            return new(gate, ingress, egress, observer);
        }
        catch
        {
            ingress.Dispose();
            egress?.Dispose();
            throw;
        }
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

    /// <summary>Learns a received packet's flow and writes the packet into the ingress device.</summary>
    /// <param name="packet">The packet, its flow prefetched.</param>
    /// <param name="queue">Which queue of the device to write through.</param>
    /// <param name="counters">Where to count.</param>
    /// <param name="nowMs">Milliseconds of <see cref="Environment.TickCount64"/>.</param>
    /// <returns>False when the device has failed: the packet is not delivered, and not counted.</returns>
    internal bool Deliver(in ReceivedPacket packet, int queue, CounterBlock* counters, long nowMs)
    {
        // Before the write: the answer may come back within it.
        var unlearned = Gate.Matcher?.Learn(packet.Probe, packet.Packet, packet.Inner, packet.GeneveHeader, packet.Geneve, packet.Path, nowMs) ?? DropReason.None;
        var length = packet.Inner.Length;
        var written = Ingress.Write(queue, packet.Datagram + packet.Geneve.Length, length);
        if (written.Errno is LinuxError.EIO or LinuxError.EBADFD or LinuxError.EBADF)
        {
            ReportFault(Ingress, written.Error);
            return false;
        }

        if (unlearned != DropReason.None)
            counters->Drop(unlearned);
        if (written.IsError)
            counters->Drop(DropReason.TunWriteFailed);
        else
            counters->Count(length, nowMs);
        return true;
    }

    /// <summary>Closes the devices. No data thread may use the port any more.</summary>
    public void Dispose()
    {
        Ingress.Dispose();
        Egress?.Dispose();
    }
}
