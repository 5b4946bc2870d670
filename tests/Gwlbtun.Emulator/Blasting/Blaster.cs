using System.Diagnostics;
using Gwlbtun.Emulator.Blasting.Cases;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Emulator.Network;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>
/// Sends generated flows to the targets and judges what returns, on one thread: at a rate, or in a closed loop with so many packets on
/// their way.
/// </summary>
internal sealed class Blaster : IDisposable
{
    private const int BatchSize = 64;
    private const long NanosecondsPerSecond = 1_000_000_000;
    private static readonly TimeSpan _settle = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _idleWait = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan _sweepEvery = TimeSpan.FromSeconds(1);

    private readonly BlastOptions _options;
    private readonly LoadBalancer _loadBalancer;
    private readonly GeneveChannel _channel;
    private readonly Readiness _readiness;
    private readonly Traffic _traffic;
    private readonly Func<long> _nowMs;
    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private long _givenUp;
    private long _lastSweep;

    /// <inheritdoc cref="Blaster(BlastOptions, LoadBalancerOptions, LoadBalancer, Func{GeneveChannel, Traffic}, Func{long})"/>
    public Blaster(BlastOptions options, LoadBalancerOptions loadBalancerOptions, LoadBalancer loadBalancer, Func<long>? nowMs = null)
        : this(options, loadBalancerOptions, loadBalancer, channel => options.Cases is { } cases
            ? new CaseTraffic(options, cases, loadBalancerOptions.Endpoints, loadBalancer, channel)
            : new PlainTraffic(options, loadBalancerOptions.Endpoints, loadBalancer, channel), nowMs)
    {
    }

    /// <param name="options">How much to send, and for how long.</param>
    /// <param name="loadBalancerOptions">The load balancer's.</param>
    /// <param name="loadBalancer">What admits and judges.</param>
    /// <param name="newTraffic">Makes what is sent.</param>
    /// <param name="nowMs">The clock, in milliseconds, of flows and of all that waits for something; the system's unless a test has one.</param>
    public Blaster(BlastOptions options, LoadBalancerOptions loadBalancerOptions, LoadBalancer loadBalancer, Func<GeneveChannel, Traffic> newTraffic, Func<long>? nowMs = null)
    {
        _nowMs = nowMs ?? (() => Environment.TickCount64);
        _options = options;
        _loadBalancer = loadBalancer;
        _channel = new GeneveChannel(loadBalancerOptions, loadBalancer);
        _readiness = new Readiness(_channel.Handles);
        _traffic = newTraffic(_channel);
    }

    // What is sent and neither returned, refused, nor given up.
    private long Outstanding => _traffic.Sent - _traffic.Returned - _traffic.Refused - _givenUp;

    public void Dispose() => _channel.Dispose();

    /// <summary>Runs until time, packets, or patience are over.</summary>
    public BlastResult Run(CancellationToken stop)
    {
        DiscardLeftovers();
        long start = Now();
        long end = start + Nanoseconds(_options.Duration);
        long lastProgress = start;
        long now = start;
        while (now < end && _traffic.Turns < (_options.Packets ?? long.MaxValue) && !stop.IsCancellationRequested)
        {
            int sent = _traffic.Send(Allowance(now - start), Now(), _nowMs());
            int received = Receive();
            now = Now();
            if (received > 0)
                lastProgress = now;
            if (sent == 0 && received == 0)
                _readiness.Wait(UntilDue(now - start));
            if (_options.Rate is null && Outstanding >= _options.Window && now - lastProgress > Nanoseconds(_options.Patience))
            {
                _givenUp += Outstanding;
                lastProgress = now;
            }

            Sweep(now);
        }

        TimeSpan elapsed = TimeSpan.FromTicks((Now() - start) / TimeSpan.NanosecondsPerTick);
        (long inTime, long bytesInTime) = (_traffic.Returned, _traffic.ReturnedBytes);
        Drain();
        return new BlastResult
        {
            Elapsed = elapsed,
            Sent = _traffic.Sent,
            Returned = _traffic.Returned,
            PacketsPerSecond = inTime / elapsed.TotalSeconds,
            GigabitsPerSecond = bytesInTime * 8 / elapsed.TotalSeconds / 1e9,
            Latency = _traffic.Latency,
            Judgements = _loadBalancer.Judgements,
            SendErrors = _channel.SendErrors,
            LastSendError = _channel.LastSendError,
            ReceiveOverflows = _channel.ReceiveOverflows,
            Cases = _traffic.Cases,
        };
    }

    /// <summary>How many packets may be sent now.</summary>
    private int Allowance(long elapsed)
    {
        long allowed = _options.Rate is { } rate
            ? (long)(elapsed * rate / NanosecondsPerSecond) + 1 - _traffic.Turns
            : _options.Window - Outstanding;
        allowed = Math.Min(allowed, (_options.Packets ?? long.MaxValue) - _traffic.Turns);
        return (int)Math.Clamp(allowed, 0, BatchSize);
    }

    private TimeSpan UntilDue(long elapsed)
    {
        if (_options.Rate is not { } rate)
            return _idleWait;
        TimeSpan due = TimeSpan.FromSeconds(_traffic.Turns / rate) - TimeSpan.FromTicks(elapsed / TimeSpan.NanosecondsPerTick);
        return due < TimeSpan.Zero ? TimeSpan.Zero : due < _idleWait ? due : _idleWait;
    }

    private int Receive()
    {
        int received = _channel.Receive();
        if (received == 0)
            _channel.JudgeStrays();
        else
            _traffic.Take(received, Now(), _nowMs());
        return received;
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

    // Whoever stops it early wants to know no less of what is on its way.
    private void Drain()
    {
        _readiness.Drain(() => _traffic.Sent > _traffic.Returned + _traffic.Refused, Receive, _options.Patience);
        _channel.JudgeStrays();
        _traffic.End();
    }

    private void Sweep(long now)
    {
        if (now - _lastSweep < Nanoseconds(_sweepEvery))
            return;
        _lastSweep = now;
        _traffic.Sweep(_nowMs());
    }

    // Never 0: InFlight keeps 0 for itself.
    private long Now() => (long)Stopwatch.GetElapsedTime(_startedAt).TotalNanoseconds + 1;

    private static long Nanoseconds(TimeSpan time) => time.Ticks * TimeSpan.NanosecondsPerTick;
}
