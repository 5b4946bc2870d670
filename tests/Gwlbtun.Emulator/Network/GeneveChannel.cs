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
    private readonly UdpSocket _receiver;
    private readonly StraySocket _strays;
    private readonly LoadBalancer _loadBalancer;

    public GeneveChannel(LoadBalancerOptions options, LoadBalancer loadBalancer)
    {
        _loadBalancer = loadBalancer;
        UdpListeners.RequireNone(options.Local, options.Port);
        _sender = RawSocket.TryOpen(BufferBytes, out LinuxError error)
            ?? throw new LinuxException("open a raw socket", error, "CAP_NET_RAW is needed.");
        _receiver = UdpSocket.Open(new IPEndPoint(options.Local, options.Port), BufferBytes);
        _strays = new StraySocket(BitConverter.ToUInt32(options.Local.GetAddressBytes()), options.Port);
    }

    public SendBatch Outgoing { get; } = new();

    public ReceiveBatch Incoming { get; } = new();

    public int ReceiveHandle => _receiver.Handle;

    public int StrayHandle => _strays.Handle;

    /// <summary>Packets that the kernel refused to send, and why the last one.</summary>
    public long SendErrors { get; private set; }

    public LinuxError LastSendError { get; private set; }

    /// <summary>Datagrams that this side's receive buffer could not hold.</summary>
    public uint ReceiveOverflows => Incoming.SocketDrops;

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

            if (sent.Errno is LinuxError.EAGAIN or LinuxError.ENOBUFS && SendBatch.WaitWritable(_sender.Handle, WritableWithinMs))
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
        SysResult received = Incoming.Receive(_receiver);
        return received.IsError ? 0 : received.Value;
    }

    /// <summary>Judges what has arrived at other ports.</summary>
    public void JudgeStrays()
    {
        while (_strays.TryTake(out uint source, out bool looksLikeGeneve))
        {
            if (looksLikeGeneve && _loadBalancer.IsTarget(source))
                _loadBalancer.Judgements.Add(Judgement.PacketsDroppedCount_InvalidGeneveTunnel);
        }
    }

    public void Dispose()
    {
        _sender.Dispose();
        _receiver.Dispose();
        _strays.Dispose();
        Outgoing.Dispose();
        Incoming.Dispose();
    }
}
