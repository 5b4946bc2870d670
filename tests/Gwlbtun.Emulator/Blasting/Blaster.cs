using System.Diagnostics;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Emulator.Network;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>
/// Sends generated flows to the targets and judges what returns, on one thread: at a rate, or in a closed loop with so many packets on
/// their way.
/// </summary>
internal sealed unsafe class Blaster : IDisposable
{
    private const int BatchSize = 64;
    private const long NanosecondsPerSecond = 1_000_000_000;
    private static readonly TimeSpan _settle = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _idleWait = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan _sweepEvery = TimeSpan.FromSeconds(1);

    // A closed loop whose packets stay away this long gives them up and goes on.
    private static readonly TimeSpan _stall = TimeSpan.FromMilliseconds(100);

    private readonly BlastOptions _options;
    private readonly LoadBalancer _loadBalancer;
    private readonly GeneveChannel _channel;
    private readonly Readiness _readiness;
    private readonly TrafficPlan _plan;
    private readonly Flow[] _flows;
    private readonly uint[] _nextSequence;
    private readonly InFlight _inFlight;
    private readonly LatencyHistogram _latency = new();
    private readonly byte[] _expected = new byte[65_536];
    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private long _number;
    private long _sent;
    private long _returned;
    private long _returnedBytes;
    private long _refused;
    private long _givenUp;
    private long _lastSweep;

    public Blaster(BlastOptions options, LoadBalancerOptions loadBalancerOptions, LoadBalancer loadBalancer)
    {
        _options = options;
        _loadBalancer = loadBalancer;
        _plan = new TrafficPlan(options, loadBalancerOptions.Endpoints);
        _flows = [.. Enumerable.Range(0, options.Flows).Select(_plan.NewFlow)];
        _nextSequence = new uint[options.Flows];
        _inFlight = new InFlight(options.Window);
        _channel = new GeneveChannel(loadBalancerOptions, loadBalancer);
        _readiness = new Readiness(_channel.ReceiveHandle, _channel.StrayHandle);
    }

    // What is sent and neither returned, refused, nor given up.
    private long Outstanding => _sent - _returned - _refused - _givenUp;

    public void Dispose() => _channel.Dispose();

    /// <summary>Runs until time, packets, or patience are over.</summary>
    public BlastResult Run(CancellationToken stop)
    {
        DiscardLeftovers();
        long start = Now();
        long end = start + Nanoseconds(_options.Duration);
        long lastProgress = start;
        long now = start;
        while (now < end && _number < (_options.Packets ?? long.MaxValue) && !stop.IsCancellationRequested)
        {
            int sent = Send(Allowance(now - start));
            int received = Receive();
            now = Now();
            if (received > 0)
                lastProgress = now;
            if (sent == 0 && received == 0)
                _readiness.Wait(UntilDue(now - start));
            if (_options.Rate is null && Outstanding >= _options.Window && now - lastProgress > Nanoseconds(_stall))
            {
                _givenUp += Outstanding;
                lastProgress = now;
            }

            Sweep(now);
        }

        TimeSpan elapsed = TimeSpan.FromTicks((Now() - start) / TimeSpan.NanosecondsPerTick);
        (long inTime, long bytesInTime) = (_returned, _returnedBytes);
        Drain(stop);
        return new BlastResult
        {
            Elapsed = elapsed,
            Sent = _sent,
            Returned = _returned,
            PacketsPerSecond = inTime / elapsed.TotalSeconds,
            GigabitsPerSecond = bytesInTime * 8 / elapsed.TotalSeconds / 1e9,
            Latency = _latency,
            Judgements = _loadBalancer.Judgements,
            SendErrors = _channel.SendErrors,
            LastSendError = _channel.LastSendError,
            ReceiveOverflows = _channel.ReceiveOverflows,
        };
    }

    /// <summary>How many packets may be sent now.</summary>
    private int Allowance(long elapsed)
    {
        long allowed = _options.Rate is { } rate
            ? (long)(elapsed * rate / NanosecondsPerSecond) + 1 - _number
            : _options.Window - Outstanding;
        allowed = Math.Min(allowed, (_options.Packets ?? long.MaxValue) - _number);
        return (int)Math.Clamp(allowed, 0, BatchSize);
    }

    private TimeSpan UntilDue(long elapsed)
    {
        if (_options.Rate is not { } rate)
            return _idleWait;
        TimeSpan due = TimeSpan.FromSeconds(_number / rate) - TimeSpan.FromTicks(elapsed / TimeSpan.NanosecondsPerTick);
        return due < TimeSpan.Zero ? TimeSpan.Zero : due < _idleWait ? due : _idleWait;
    }

    private int Send(int count)
    {
        SendBatch batch = _channel.Outgoing;
        long nowMs = Environment.TickCount64;
        long now = Now();
        for (; count > 0; count--, _number++)
        {
            int index = _plan.FlowOf(_number);
            ref Flow flow = ref _flows[index];
            if (!_loadBalancer.TryAdmit(ref flow, TrafficPlan.HashOf(index), mayOpen: true, nowMs))
            {
                _inFlight.Skipped(_number);
                continue;
            }

            byte* packet = batch.NextPacket;
            int length = _plan.Write(new Span<byte>(packet, SendBatch.PacketBytes), _number);
            int headers = _loadBalancer.Encapsulate(packet, length, flow, out uint target);
            batch.TakeSlot();
            batch.Append(packet - headers, headers + length, target, 0);
            _inFlight.Sent(_number, now);
        }

        int sent = batch.Count;
        long errorsBefore = _channel.SendErrors;
        _channel.Flush();
        _sent += sent - (_channel.SendErrors - errorsBefore);
        return sent;
    }

    private int Receive()
    {
        int received = _channel.Receive();
        long now = Now();
        long nowMs = Environment.TickCount64;
        for (int i = 0; i < received; i++)
        {
            _channel.Incoming.Get(i, out ReceivedDatagram datagram);
            Judgement judgement = Judge(datagram, now, nowMs);
            if (judgement != Judgement.Accepted)
                _loadBalancer.Judgements.Add(judgement);
            // A duplicate stands for no packet on its way.
            if (judgement is not (Judgement.Accepted or Judgement.Duplicated))
                _refused++;
        }

        if (received == 0)
            _channel.JudgeStrays();
        return received;
    }

    private Judgement Judge(in ReceivedDatagram datagram, long now, long nowMs)
    {
        Judgement tunnel = _loadBalancer.JudgeTunnel(datagram, out GeneveView geneve, out ushort endpoint);
        if (tunnel != Judgement.Accepted)
            return tunnel;
        Span<byte> packet = new(datagram.Payload + geneve.Length, datagram.Length - geneve.Length);
        if (!InnerView.TryParse(packet, out InnerView inner) || inner.Length != packet.Length)
            return Judgement.BadInnerBytes;
        if (!_plan.TryFindFlow(packet, inner, out int index) || _flows[index].Endpoint != endpoint)
            return Judgement.PacketsDroppedCount_MissingFlowEntry;
        Judgement belongs = _loadBalancer.JudgeFlow(datagram, geneve, ref _flows[index], nowMs);
        if (belongs != Judgement.Accepted)
            return belongs;
        Judgement content = JudgeContent(packet, inner, index, out long number);
        if (content != Judgement.Accepted)
            return content;

        Return kind = _inFlight.Take(number, out long sentAt);
        if (kind == Return.Again)
            return Judgement.Duplicated;
        if (kind == Return.First)
            _latency.Add(now - sentAt);
        uint sequence = _plan.SequenceOf(number);
        if (sequence < _nextSequence[index])
            _loadBalancer.Judgements.Add(Judgement.Reordered);
        else
            _nextSequence[index] = sequence + 1;
        _returned++;
        _returnedBytes += packet.Length;
        return Judgement.Accepted;
    }

    private Judgement JudgeContent(Span<byte> packet, in InnerView inner, int flow, out long number)
    {
        if (!inner.HasValidHeaderChecksum(packet))
        {
            number = 0;
            return Judgement.BadChecksum;
        }

        if (!_plan.TryReadNumber(packet, inner, flow, out number))
            return inner.HasValidChecksums(packet) ? Judgement.BadInnerBytes : Judgement.BadChecksum;

        // The appliance is a router: it lowers the hop limit, and IPv4's checksum changes with it.
        Span<byte> expected = _expected.AsSpan(0, _plan.Write(_expected, number));
        int hopLimit = inner.Version == 4 ? 8 : 7;
        if (packet[hopLimit] > 0 && packet[hopLimit] <= expected[hopLimit])
            expected[hopLimit] = packet[hopLimit];
        if (inner.Version == 4)
            packet.Slice(10, 2).CopyTo(expected[10..]);
        if (packet.SequenceEqual(expected))
            return Judgement.Accepted;
        return inner.HasValidChecksums(packet) ? Judgement.BadInnerBytes : Judgement.BadChecksum;
    }

    /// <summary>What an earlier run left on its way is not ours to judge.</summary>
    private void DiscardLeftovers()
    {
        long end = Now() + Nanoseconds(_settle);
        while (Now() < end)
        {
            if (_channel.Receive() == 0)
                _readiness.Wait(_idleWait);
        }
    }

    private void Drain(CancellationToken stop)
    {
        long lastProgress = Now();
        while (_sent > _returned + _refused && Now() - lastProgress < Nanoseconds(_options.Drain) && !stop.IsCancellationRequested)
        {
            if (Receive() > 0)
                lastProgress = Now();
            else
                _readiness.Wait(_idleWait);
        }

        _channel.JudgeStrays();
    }

    private void Sweep(long now)
    {
        if (now - _lastSweep < Nanoseconds(_sweepEvery))
            return;
        _lastSweep = now;
        long nowMs = Environment.TickCount64;
        foreach (ref Flow flow in _flows.AsSpan())
            _loadBalancer.Expire(ref flow, nowMs);
    }

    // Never 0: InFlight keeps 0 for itself.
    private long Now() => (long)Stopwatch.GetElapsedTime(_startedAt).TotalNanoseconds + 1;

    private static long Nanoseconds(TimeSpan time) => time.Ticks * TimeSpan.NanosecondsPerTick;
}
