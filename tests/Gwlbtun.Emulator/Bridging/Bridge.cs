using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Emulator.Network;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Bridging;

/// <summary>
/// Carries real traffic: what a program on one side sends goes to the appliance through Geneve, and what returns is judged and delivered
/// to the side that it is meant for. One thread does it all.
/// </summary>
internal sealed unsafe class Bridge : IDisposable
{
    private const long SweepEveryMs = 1_000;
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private static readonly TimeSpan _idleWait = TimeSpan.FromMilliseconds(100);

    private readonly LoadBalancer _loadBalancer;
    private readonly GeneveChannel _channel;
    private readonly Readiness _readiness;
    private readonly BridgeFlowTable _flows = new();
    private readonly BridgeReturns _returns;

    public Bridge(BridgeOptions options, LoadBalancerOptions loadBalancerOptions, LoadBalancer loadBalancer)
    {
        _loadBalancer = loadBalancer;
        _channel = new GeneveChannel(loadBalancerOptions, loadBalancer);
        Client = new Side(options.Client, options.Mtu);
        Server = new Side(options.Server, options.Mtu);
        _returns = new BridgeReturns(loadBalancer, _flows, Client, Server, options.Mtu);
        _readiness = new Readiness([.. _channel.Handles, Client.Handle, Server.Handle]);
    }

    public Side Client { get; }

    public Side Server { get; }

    public long SendErrors => _channel.SendErrors;

    /// <summary>Datagrams that the emulator's own socket had no room for.</summary>
    public uint ReceiveOverflows => _channel.ReceiveOverflows;

    /// <summary>Packets that the kernel sent on a device by itself: to multicast and broadcast addresses.</summary>
    public long Ignored { get; private set; }

    public void Dispose()
    {
        _channel.Dispose();
        Client.Dispose();
        Server.Dispose();
    }

    /// <summary>Runs until stopped.</summary>
    /// <param name="tick">Called about every second.</param>
    /// <param name="stop">Ends it.</param>
    public void Run(Action tick, CancellationToken stop)
    {
        long lastSweep = Environment.TickCount64;
        while (!stop.IsCancellationRequested)
        {
            long nowMs = Environment.TickCount64;
            bool wasBusy = Carry(Client, nowMs) | Carry(Server, nowMs) | Deliver(nowMs);
            if (!wasBusy)
            {
                _channel.JudgeStrays();
                _readiness.Wait(_idleWait);
            }

            if (nowMs - lastSweep < SweepEveryMs)
                continue;
            lastSweep = nowMs;
            _flows.Sweep(_loadBalancer, nowMs);
            _returns.Sweep(nowMs);
            tick();
        }

        _returns.GiveUp();
    }

    /// <summary>Sends what a side's programs sent to the appliance.</summary>
    /// <returns>Whether there was anything.</returns>
    private bool Carry(Side side, long nowMs)
    {
        SendBatch batch = _channel.Outgoing;
        int read = 0;
        for (; read < batch.Packets.Capacity; read++)
        {
            byte* packet = batch.Packets.Next;
            int length = side.Read(packet, PacketSlab.PacketBytes);
            if (length == 0)
                break;
            if (!TryRoute(new ReadOnlySpan<byte>(packet, length), side, nowMs, out Flow flow))
                continue;
            int headers = _loadBalancer.Encapsulate(packet, length, flow, out uint target);
            batch.Packets.Take(length);
            batch.Append(packet - headers, headers + length, target, 0);
        }

        _channel.Flush();
        return read != 0;
    }

    private bool TryRoute(ReadOnlySpan<byte> packet, Side side, long nowMs, out Flow flow)
    {
        flow = default;
        if (!InnerView.TryParse(packet, out InnerView inner) || inner.IsToMany(packet))
        {
            Ignored++;
            return false;
        }

        FlowTuple tuple = FlowTuple.From(packet, inner, endpoint: 0, out bool isReversed);
        ref BridgeFlow known = ref _flows.GetOrAdd(tuple, out bool exists);
        if (!exists || !known.Flow.IsOpen)
        {
            known.Opener = side;
            known.OpenerIsReversed = isReversed;
            known.Flow.Node = (ushort)((uint)tuple.GetHashCode() % (uint)_loadBalancer.Nodes);
            known.Flow.ProtocolType = (ushort)(inner.Version == 4 ? 0x0800 : 0x86DD);
            known.Flow.Kind = inner.Protocol switch { Tcp => FlowKind.Tcp, Udp => FlowKind.Udp, _ => FlowKind.Other };
        }

        bool mayOpen = inner.Protocol != Tcp || inner.IsLaterFragment || inner.IsOpening(packet);
        if (!_loadBalancer.TryAdmit(ref known.Flow, (uint)tuple.GetHashCode(), mayOpen, nowMs))
            return false;
        flow = known.Flow;
        _returns.NoteFragment(packet, inner, tuple, isSent: true, nowMs);
        return true;
    }

    /// <summary>Judges what has returned, and delivers it.</summary>
    /// <returns>Whether there was anything.</returns>
    private bool Deliver(long nowMs)
    {
        int received = _channel.Receive();
        for (int i = 0; i < received; i++)
        {
            _channel.Incoming.Get(i, out ReceivedDatagram datagram);
            _returns.JudgeAndDeliver(datagram, nowMs);
        }

        return received != 0;
    }
}
