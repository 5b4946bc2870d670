using System.Net;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Network;

/// <summary>The load balancer's side of the tunnel: sends with any source port, receives on the Geneve port, and hears what strays. One thread uses it.</summary>
internal sealed class GeneveChannel : IDisposable
{
    private const int BufferBytes = 64 << 20;
    private const int WritableWithinMs = 1_000;

    private readonly RawSocket _sender;
    private readonly Receiver[] _receivers;
    private readonly LoadBalancer _loadBalancer;
    private int _current;

    public GeneveChannel(LoadBalancerOptions options, LoadBalancer loadBalancer)
    {
        _loadBalancer = loadBalancer;
        foreach (IPAddress node in options.Nodes)
            UdpListeners.RequireNone(node, options.Port);
        _sender = RawSocket.TryOpen(BufferBytes, out LinuxError error)
            ?? throw new LinuxException("open a raw socket", error, "CAP_NET_RAW is needed.");
        _receivers = [.. options.Nodes.Select(node => new Receiver(node, options.Port))];
    }

    public SendBatch Outgoing { get; } = new();

    /// <summary>What the last <see cref="Receive"/> took.</summary>
    public ReceiveBatch Incoming => _receivers[_current].Batch;

    /// <summary>What becomes readable when something arrives.</summary>
    public int[] Handles => [.. _receivers.SelectMany(receiver => (int[])[receiver.Socket.Handle, receiver.Strays.Handle])];

    /// <summary>Packets that the kernel refused to send, and why the last one.</summary>
    public long SendErrors { get; private set; }

    public LinuxError LastSendError { get; private set; }

    /// <summary>Datagrams that this side's receive buffer could not hold.</summary>
    public uint ReceiveOverflows => (uint)_receivers.Sum(receiver => receiver.Batch.SocketDrops);

    /// <summary>Sends all of <see cref="Outgoing"/>, waiting for room as need be.</summary>
    public void Flush()
    {
        int first = 0;
        while (first < Outgoing.Count)
        {
            SysResult sent = Outgoing.Send(_sender.Handle, first, Outgoing.Count - first);
            if (!sent.IsError)
            {
                first += sent.Value;
                continue;
            }

            if (sent.Errno is LinuxError.EAGAIN or LinuxError.ENOBUFS && Poll.WaitWritable(_sender.Handle, WritableWithinMs))
                continue;
            SendErrors++;
            LastSendError = sent.Error;
            first++;
        }

        Outgoing.Clear();
    }

    /// <summary>Takes what has arrived into <see cref="Incoming"/>.</summary>
    /// <returns>How many datagrams.</returns>
    public int Receive()
    {
        // With several nodes each is asked in turn, until one has something.
        for (int tried = 0; tried < _receivers.Length; tried++)
        {
            _current = _current + 1 < _receivers.Length ? _current + 1 : 0;
            SysResult received = _receivers[_current].Batch.Receive(_receivers[_current].Socket);
            if (!received.IsError)
                return received.Value;
        }

        return 0;
    }

    /// <summary>Judges what has arrived at other ports.</summary>
    public void JudgeStrays()
    {
        foreach (Receiver receiver in _receivers)
        {
            while (receiver.Strays.TryTake(out uint source, out bool looksLikeGeneve))
            {
                if (looksLikeGeneve && _loadBalancer.TargetGroup.Contains(source))
                    _loadBalancer.Judgements.Add(Judgement.PacketsDroppedCount_InvalidGeneveTunnel);
            }
        }
    }

    public void Dispose()
    {
        _sender.Dispose();
        foreach (Receiver receiver in _receivers)
            receiver.Dispose();
        Outgoing.Dispose();
    }

    /// <summary>One outer address.</summary>
    private sealed class Receiver(IPAddress node, int port) : IDisposable
    {
        public UdpSocket Socket { get; } = UdpSocket.Open(new IPEndPoint(node, port), BufferBytes);

        public ReceiveBatch Batch { get; } = new();

        public StraySocket Strays { get; } = new(BitConverter.ToUInt32(node.GetAddressBytes()), port);

        public void Dispose()
        {
            Socket.Dispose();
            Strays.Dispose();
            Batch.Dispose();
        }
    }
}
