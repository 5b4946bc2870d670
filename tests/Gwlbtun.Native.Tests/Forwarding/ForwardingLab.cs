using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>
/// The whole data plane with real sockets and devices in one network namespace: the load balancer is 127.0.0.1, the
/// appliance 127.0.0.2. Each endpoint's packets are routed from gwi straight out of gwo.
/// </summary>
internal sealed unsafe class ForwardingLab : IDataPlaneObserver, IDisposable
{
    public const ushort GenevePort = 6081;

    private static readonly IPAddress _loadBalancerAddress = IPAddress.Parse("127.0.0.1");
    private static readonly IPAddress _applianceAddress = IPAddress.Parse("127.0.0.2");

    private readonly UdpSocket _socket;
    private readonly UdpSocket _returned = UdpSocket.Open(new(_loadBalancerAddress, GenevePort), 64 << 20);
    private readonly UdpSocket _sender = UdpSocket.Open(new(_loadBalancerAddress, SourcePort), 1 << 20);
    private readonly SendBatch _send = new();
    private readonly ReceiveBatch _receive = new();
    private readonly HashSet<TunnelPort> _open = [];
    private readonly bool _isGathered;

    public ForwardingLab(DataPlaneOptions? options = null, bool isGathered = false)
    {
        _isGathered = isGathered;
        Options = (options ?? Defaults) with { Listen = new(_applianceAddress, GenevePort) };
        Registry = new(Options, this);
        _socket = UdpSocket.Open(Options.Listen, 64 << 20);
        Pool = new(Options, _socket, Quiescence, this);
        Receivers = [.. Enumerable.Range(0, Options.ReceiveThreads.Count).Select(StartReceiver)];
    }

    public static DataPlaneOptions Defaults { get; } = new() { ReceiveThreads = ThreadPlan.Unpinned(1), TunnelThreads = ThreadPlan.Unpinned(2) };

    public static ushort SourcePort => 40_001;

    public DataPlaneOptions Options { get; }

    public Quiescence Quiescence { get; } = new();

    public EniRegistry Registry { get; }

    public List<ReceiveThread> Receivers { get; }

    public TunnelThreadPool Pool { get; }

    public BlockingCollection<EniGate> NewEnis { get; } = [];

    public BlockingCollection<(TunnelPort Port, string Device, LinuxError Error)> Faults { get; } = [];

    public BlockingCollection<(DataThread Thread, Exception Cause)> Deaths { get; } = [];

    public BlockingCollection<Exception> UplinkLosses { get; } = [];

    public ReceiveThread StartReceiver(int index)
    {
        // On a machine that stalls a carrier may be long in coming to an end, and what is in its hand is to go first all the same.
        var thread = new ReceiveThread(index, Options, _socket, Registry, Quiescence, this) { LongestWaitForIdle = Wait.Patience };
        var carrier = Pool.Threads[_isGathered ? 0 : index];
        if (thread.CanRideOn(carrier))
            thread.StartOn(carrier);
        else
            thread.Start();
        return thread;
    }

    /// <summary>Stops them all, and leaves none.</summary>
    public void StopReceivers()
    {
        Receivers.ForEach(thread => thread.RequestStop());
        Task.WaitAll([.. Receivers.Select(thread => thread.Completion)]);
        Receivers.ForEach(thread => thread.Dispose());
        Receivers.Clear();
    }

    // A child process that another test is just starting holds copies of the former devices' descriptors until its exec.
    private TunnelPort OpenDevices(EniGate gate)
    {
        for (var waited = Stopwatch.StartNew(); ;)
        {
            try
            {
                return TunnelPort.Open(gate, Options, this);
            }
            catch (LinuxException busy) when (busy.Error.Number == LinuxError.EBUSY && waited.Elapsed < Wait.Patience)
            {
                Thread.Sleep(20);
            }
        }
    }

    /// <summary>Opens the devices of the endpoint and routes gwi to gwo; the gate stays as it is.</summary>
    public TunnelPort OpenPort(EniGate gate)
    {
        var port = OpenDevices(gate);
        var table = 1000 + (int)(gate.EniId & 0xff);
        NetworkNamespace.Shell($"ip route replace default dev {port.Egress!.Name} table {table}; ip rule del iif {port.Ingress.Name} 2>/dev/null; ip rule add iif {port.Ingress.Name} lookup {table}");
        Pool.Attach(port);
        _open.Add(port);
        return port;
    }

    /// <summary>Withdraws the port and closes its devices, once no thread can be using them.</summary>
    public void ClosePort(TunnelPort port)
    {
        port.Gate.Hold();
        Pool.Detach(port);
        Quiescence.WhenPassedAsync().GetAwaiter().GetResult();
        port.Dispose();
        _open.Remove(port);
    }

    public EniGate TakeNewEni()
    {
        Assert.True(NewEnis.TryTake(out var gate, Wait.Patience), $"No endpoint was seen. {DescribeDrops()}");
        return gate;
    }

    /// <summary>Sends a first packet of the endpoint and opens its tunnel.</summary>
    public TunnelPort Establish(ulong eniId)
    {
        Send(Datagram(eniId, 0));
        var gate = TakeNewEni();
        var port = OpenPort(gate);
        gate.Open(port);
        _ = ReceiveReturned(1);
        return port;
    }

    public static byte[] Datagram(ulong eniId, uint cookie, int size = 100, string source = "0a000001", int sequence = 0)
    {
        var inner = IpBytes.Ipv4(17, IpBytes.Udp(1000, 2000, new byte[size - 28]), source: source);
        BinaryPrimitives.WriteInt32BigEndian(inner.AsSpan(28), sequence);
        inner.AsSpan(10, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(inner.AsSpan(10), InternetChecksum.Compute(inner.AsSpan(0, 20)));
        return GeneveBytes.Standard(eniId, flowCookie: cookie).Build(inner);
    }

    public static int SequenceOf(byte[] datagram) => BinaryPrimitives.ReadInt32BigEndian(datagram.AsSpan(40 + 28));

    public void Send(params ReadOnlySpan<byte[]> datagrams)
    {
        foreach (var datagram in datagrams)
        {
            var start = _send.Packets.Next;
            datagram.CopyTo(new Span<byte>(start, datagram.Length));
            _send.Packets.Take(datagram.Length);
            _send.Append(start, datagram.Length, 0x0200007f, GenevePort);
            if (_send.Packets.IsFull)
                Flush();
        }

        Flush();
    }

    /// <summary>Sends packets, each after the one before it has come back.</summary>
    public void Exchange(ulong eniId, int packets)
    {
        for (var i = 0; i < packets; i++)
        {
            Send(Datagram(eniId, 1));
            _ = ReceiveReturned(1);
        }
    }

    /// <summary>Receives returned datagrams until there are <paramref name="count"/>.</summary>
    public List<byte[]> ReceiveReturned(int count)
    {
        var returned = new List<byte[]>();
        var deadline = Stopwatch.StartNew();
        while (returned.Count < count)
        {
            Assert.True(deadline.Elapsed < Wait.Patience, $"Only {returned.Count} of {count} packets came back. {DescribeDrops()}");
            _ = ReceiveSome((ref datagram) => returned.Add(new Span<byte>(datagram.Payload, datagram.Length).ToArray()));
        }

        return returned;
    }

    public delegate void OnReturned(ref ReceivedDatagram datagram);

    /// <summary>Receives what has come back, or waits a little for something.</summary>
    public int ReceiveSome(OnReturned each)
    {
        var received = _receive.Receive(_returned);
        if (received.IsError)
        {
            Thread.Yield();
            return 0;
        }

        for (var i = 0; i < received.Value; i++)
        {
            _receive.Get(i, out var datagram);
            each(ref datagram);
        }

        return received.Value;
    }

    /// <summary>Receives what has come back, and tells the number of each.</summary>
    public void ReceiveSequences(Action<int> each) =>
        ReceiveSome((ref datagram) => each(BinaryPrimitives.ReadInt32BigEndian(new Span<byte>(datagram.Payload + 40 + 28, 4))));

    public ulong[] Drops()
    {
        var totals = new ulong[DropReasons.Count];
        Receivers.ForEach(thread => thread.AddDropsTo(totals));
        foreach (var gate in Registry.Current.Gates)
            gate.AddDropsTo(totals);
        return totals;
    }

    public string DescribeDrops() =>
        string.Join(", ", Drops().Select((count, reason) => (count, reason)).Where(drop => drop.count > 0).Select(drop => $"{(DropReason)drop.reason} {drop.count}"));

    public void OnNewEni(EniGate gate) => NewEnis.Add(gate);

    public void OnPortFault(TunnelPort port, string device, LinuxError error) => Faults.Add((port, device, error));

    public void OnThreadDied(DataThread thread, Exception cause) => Deaths.Add((thread, cause));

    public void OnBacklog(ReceiveThread thread)
    {
    }

    public void OnUplinkLost(Exception cause) => UplinkLosses.Add(cause);

    public void OnSteeringRefused(LinuxError error)
    {
    }

    public void OnPacketTrace(PacketTracePoint point, ulong eniId, ReadOnlySpan<byte> packet)
    {
    }

    public void Dispose()
    {
        StopReceivers();
        Pool.StopAsync().GetAwaiter().GetResult();
        Pool.Dispose();
        foreach (var port in _open)
            port.Dispose();
        foreach (var gate in Registry.Current.Gates)
            gate.Dispose();
        foreach (var socket in new[] { _socket, _returned, _sender })
            socket.Dispose();
        _send.Dispose();
        _receive.Dispose();
    }

    private void Flush()
    {
        for (var sent = 0; sent < _send.Count;)
            sent += _send.Send(_sender.Handle, sent, _send.Count - sent).OrThrow("send to the appliance");
        _send.Clear();
    }
}
