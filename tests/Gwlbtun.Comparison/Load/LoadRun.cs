using System.Diagnostics;
using System.Net;
using Gwlbtun.Comparison.Cases;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.Network;

namespace Gwlbtun.Comparison.Load;

/// <summary>
/// The load of one run, on the thread that calls it: sends in a closed loop or at a rate, and judges every packet that returns. Lean on
/// purpose, since it shares the machine with what it measures.
/// </summary>
internal sealed class LoadRun : IDisposable
{
    private const int PacketsAtOnce = 16;

    // Not a wait for input: being woken for every packet would cost the handler, which sends them, more than it costs here.
    private static readonly TimeSpan _closedLoopWait = TimeSpan.FromMicroseconds(20);
    private static readonly TimeSpan _idleWait = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan _askAgain = TimeSpan.FromMilliseconds(200);

    // A closed loop whose packets stay away this long gives them up and goes on.
    private static readonly TimeSpan _stall = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _drain = TimeSpan.FromSeconds(2);

    private readonly BenchmarkCase _load;
    private readonly LoadPackets _packets;
    private readonly LoadSender _sender;
    private readonly LoadReceiver _receiver;
    private readonly LoadJudge _judge;
    private readonly Readiness _readiness;
    private readonly Readiness _sleep = new();
    private readonly CancellationToken _stop;
    private LatencyHistogram _latency = new();
    private long _returned, _returnedBytes, _givenUp;

    /// <param name="load">What to send.</param>
    /// <param name="local">The load balancer's address, and the Geneve port.</param>
    /// <param name="appliance">Where to send to.</param>
    /// <param name="stop">Ends it early.</param>
    public LoadRun(BenchmarkCase load, IPEndPoint local, IPEndPoint appliance, CancellationToken stop)
    {
        _load = load;
        _stop = stop;
        _packets = new LoadPackets(load);
        _sender = new LoadSender(load, _packets, local.Address, appliance);
        _receiver = new LoadReceiver(local);
        _judge = new LoadJudge(load, _packets);
        _readiness = new Readiness(_receiver.Handle);
    }

    private long Outstanding => _sender.Sent - _returned - _judge.Wrong - _givenUp;

    /// <summary>Sends single packets until each endpoint has returned one: its tunnel is there then, its hook has run.</summary>
    /// <param name="within">How long that may take.</param>
    /// <param name="isAlive">Whether there is still anybody to wait for.</param>
    /// <param name="hasArrived">Stands in for the answer where nothing is returned.</param>
    /// <returns>False when some did not, in this time.</returns>
    public bool Reach(TimeSpan within, Func<bool> isAlive, Func<bool>? hasArrived = null)
    {
        HashSet<int> silent = [.. Enumerable.Range(0, _load.Endpoints)];
        long start = Now();
        while (silent.Count > 0 && Now() - start < Nanoseconds(within) && isAlive() && !_stop.IsCancellationRequested)
        {
            foreach (int flow in silent)
                _sender.Send(flow, 1, Now());
            long asked = Now();
            while (silent.Count > 0 && Now() - asked < Nanoseconds(_askAgain))
            {
                if (Receive(flow => silent.Remove(flow % _load.Endpoints)) == 0)
                    _readiness.Wait(_idleWait);
            }

            if (hasArrived?.Invoke() == true)
                silent.Clear();
        }

        Drain();
        return silent.Count == 0;
    }

    /// <summary>Runs for a time, and then until the last packet is back.</summary>
    /// <param name="duration">How long to send.</param>
    /// <param name="sent">Called when that is over, with the packets returned so far: what they cost is to be read now.</param>
    public LoadResult Run(TimeSpan duration, Action<long>? sent = null)
    {
        _latency = new LatencyHistogram();
        _sender.Reset();
        _judge.Reset();
        _returned = _returnedBytes = _givenUp = 0;
        long start = Now();
        if (_load.Rate is { } rate)
            KeepRate(rate, start, start + Nanoseconds(duration));
        else
            KeepWindow(start + Nanoseconds(duration));
        double seconds = (Now() - start) / 1e9;
        (long inTime, long bytesInTime) = (_returned, _returnedBytes);
        sent?.Invoke(inTime);
        Drain();
        return new LoadResult
        {
            Sent = _sender.Sent,
            Returned = _returned,
            PacketsPerSecond = inTime / seconds,
            GigabitsPerSecond = bytesInTime * 8 / seconds / 1e9,
            Latency = _latency,
            Faults = Enum.GetValues<LoadVerdict>().Where(verdict => verdict != LoadVerdict.Good && _judge[verdict] != 0).ToDictionary(verdict => verdict.ToString(), verdict => _judge[verdict]),
            SendFault = _sender.Errors == 0 ? null : $"{_sender.Errors} sends failed, the last for {_sender.LastError}",
        };
    }

    public void Dispose()
    {
        _sender.Dispose();
        _receiver.Dispose();
    }

    private void KeepWindow(long end)
    {
        int burstsAtOnce = Math.Max(PacketsAtOnce / _load.Burst, 1);
        long now = Now(), lastProgress = now;
        for (; now < end && !_stop.IsCancellationRequested; now = Now())
        {
            if (Outstanding < _load.Window)
            {
                for (int i = 0; i < burstsAtOnce; i++)
                    _sender.SendBurst(Now());
                if (Receive() > 0)
                    lastProgress = now;
            }
            else if (Receive() > 0)
            {
                lastProgress = now;
            }
            else if (now - lastProgress > Nanoseconds(_stall))
            {
                _givenUp += Outstanding;
                lastProgress = now;
            }
            else
            {
                _sleep.Wait(_closedLoopWait);
            }
        }
    }

    private void KeepRate(double rate, long start, long end)
    {
        for (long now = start; now < end && !_stop.IsCancellationRequested; now = Now())
        {
            long due = start + (long)(_sender.Sent / rate * 1e9);
            if (due <= now)
                _sender.SendBurst(now);
            if (Receive() == 0 && due > now)
                _readiness.Wait(TimeSpan.FromTicks((Math.Min(due, end) - now) / TimeSpan.NanosecondsPerTick));
        }
    }

    private void Drain() => _readiness.Drain(() => Outstanding + _givenUp > 0 && !_stop.IsCancellationRequested, () => Receive(), _drain);

    private int Receive(Action<int>? heard = null)
    {
        int messages = _receiver.Receive();
        long now = Now();
        for (int i = 0; i < messages; i++)
        {
            ReadOnlySpan<byte> message = _receiver.Message(i, out ushort sourcePort, out int segmentLength);
            while (!message.IsEmpty)
            {
                ReadOnlySpan<byte> datagram = message[..Math.Min(segmentLength, message.Length)];
                message = message[datagram.Length..];
                if (_judge.Judge(datagram, sourcePort, out long sentAt) != LoadVerdict.Good)
                    continue;
                _returned++;
                _returnedBytes += datagram.Length - LoadPackets.GeneveLength;
                _latency.Add(now - sentAt);
                heard?.Invoke(_packets.ReadStamp(datagram).Flow);
            }
        }

        return messages;
    }

    // The frequency of the clock is 1 GHz on Linux.
    private static long Now() => Stopwatch.GetTimestamp();

    private static long Nanoseconds(TimeSpan time) => time.Ticks * TimeSpan.NanosecondsPerTick;
}
