using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.EndToEnd.Tests.LoadBalancer;

/// <summary>Sends flows to the appliance as the load balancer does, packet by packet as the test wants it, and collects what comes back.</summary>
internal sealed class LoadBalancerPeer : IDisposable
{
    private const int GenevePort = 6081;
    private const int SocketBuffer = 16 << 20;

    private static readonly IPEndPoint _appliance = new(ApplianceLab.ApplianceAddress, GenevePort);

    private readonly NetworkNamespace _network;
    private readonly Dictionary<IPEndPoint, Socket> _senders = [];
    private readonly List<(Socket Receiver, Thread Thread)> _nodes = [];
    private readonly Channel<ReturnedPacket> _returned = Channel.CreateUnbounded<ReturnedPacket>();

    public LoadBalancerPeer(NetworkNamespace network)
    {
        _network = network;
        Listen(ApplianceLab.GwlbAddress);
    }

    /// <summary>Gives the load balancer one more node.</summary>
    public void AddNode(IPAddress address)
    {
        _network.AddAddress($"{address}/24", "uplink");
        Listen(address);
    }

    /// <summary>Sends one packet of a flow.</summary>
    public void Send(GwlbFlow flow, ReadOnlySpan<byte> inner) =>
        Send(new IPEndPoint(flow.Node, flow.OuterSourcePort), [.. flow.GeneveHeader(), .. inner]);

    /// <summary>
    /// Sends packets of a flow, all of one length, as one: the kernel takes them apart on their way, or has the appliance take them together
    /// (UDP_GRO), if it wants. So they arrive in one batch in any case.
    /// </summary>
    public void SendTogether(GwlbFlow flow, IReadOnlyList<byte[]> inners)
    {
        var header = flow.GeneveHeader();
        var sender = SenderAt(new IPEndPoint(flow.Node, flow.OuterSourcePort));
        // SOL_UDP and UDP_SEGMENT, linux/udp.h
        sender.SetRawSocketOption(17, 103, BitConverter.GetBytes(header.Length + inners[0].Length));
        sender.SendTo([.. inners.SelectMany(inner => (byte[])[.. header, .. inner])], _appliance);
        sender.SetRawSocketOption(17, 103, BitConverter.GetBytes(0));
    }

    /// <summary>Sends any bytes to the appliance's Geneve port.</summary>
    public void SendDatagram(ushort sourcePort, ReadOnlySpan<byte> datagram) =>
        Send(new IPEndPoint(ApplianceLab.GwlbAddress, sourcePort), datagram);

    /// <summary>The next returned packet; throws when none comes.</summary>
    public async Task<ReturnedPacket> ReceiveAsync()
    {
        if (_returned.Reader.TryRead(out var waiting))
            return waiting;
        using var timeout = new CancellationTokenSource(Wait.Patience);
        try
        {
            return await _returned.Reader.ReadAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException("The appliance returned nothing.");
        }
    }

    /// <summary>Takes a returned packet if there is one.</summary>
    public bool TryReceive(out ReturnedPacket? packet) => _returned.Reader.TryRead(out packet);

    /// <summary>Sends a packet and asserts that it comes back as it must; returns how long that took.</summary>
    public async Task<TimeSpan> EchoAsync(GwlbFlow flow, uint sequence, int length = 128)
    {
        var inner = flow.Packet(sequence, length);
        var start = TimeProvider.System.GetTimestamp();
        Send(flow, inner);
        var returned = await ReceiveAsync();
        Assert.Null(returned.FaultAs(flow, inner));
        return TimeProvider.System.GetElapsedTime(start, returned.Timestamp);
    }

    public void Dispose()
    {
        foreach (var (receiver, thread) in _nodes)
        {
            receiver.Dispose();
            thread.Join();
        }
        foreach (var sender in _senders.Values)
            sender.Dispose();
    }

    private void Listen(IPAddress node)
    {
        var receiver = Bind(new IPEndPoint(node, GenevePort));
        var thread = new Thread(() => Receive(receiver, node)) { IsBackground = true, Name = $"load balancer {node}" };
        _nodes.Add((receiver, thread));
        thread.Start();
    }

    private void Send(IPEndPoint from, ReadOnlySpan<byte> datagram) => SenderAt(from).SendTo(datagram, _appliance);

    private Socket SenderAt(IPEndPoint from)
    {
        if (!_senders.TryGetValue(from, out var sender))
            _senders[from] = sender = Bind(from);
        return sender;
    }

    private Socket Bind(IPEndPoint endPoint) => _network.Enter(() =>
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        // SO_SNDBUFFORCE and SO_RCVBUFFORCE, asm-generic/socket.h
        socket.SetRawSocketOption(1, 32, BitConverter.GetBytes(SocketBuffer));
        socket.SetRawSocketOption(1, 33, BitConverter.GetBytes(SocketBuffer));
        socket.Bind(endPoint);
        return socket;
    });

    private void Receive(Socket receiver, IPAddress node)
    {
        var buffer = new byte[ushort.MaxValue];
        EndPoint from = new IPEndPoint(IPAddress.Any, 0);
        try
        {
            while (true)
            {
                var length = receiver.ReceiveFrom(buffer, ref from);
                _returned.Writer.TryWrite(new ReturnedPacket((IPEndPoint)from, node, buffer[..length], TimeProvider.System.GetTimestamp()));
            }
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            // the load balancer is gone
        }
    }
}
