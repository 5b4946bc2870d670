using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.Handlers;
using Gwlbtun.Comparison.Load;
using Gwlbtun.Comparison.Measuring;
using Gwlbtun.Comparison.Network;
using Gwlbtun.Emulator.Network;

namespace Gwlbtun.Comparison;

/// <summary>One run of one subject, in a network of its own: start it, reach it, warm it up, measure, end it.</summary>
internal sealed class SingleRun(ComparisonOptions options, ReflectorProgram? reflector, string state, CancellationToken stop)
{
    // The C++ handler sometimes crashes at its start or with its first packet.
    private const int MostStarts = 10;

    // A hook takes up to 0.2 s of an endpoint, and the C++ handler runs one at a time.
    private static readonly TimeSpan _reachWithin = TimeSpan.FromSeconds(60);

    public Measurement Measure(Subject subject, BenchmarkCase load, Topology topology)
    {
        for (int failed = 0; ; failed++)
        {
            stop.ThrowIfCancellationRequested();
            using BenchmarkNetwork network = new(options.Prefix, topology);
            if (load.Kind == CaseKind.Nat)
                network.AddServer(reflector!);
            if (subject.Handler is null)
            {
                network.AttachFloor(reflector!);
                return Measure(load, network, handler: null, collections: null) ?? new Measurement { Failure = "the floor returned nothing" };
            }

            Hook hook = Hook.For(load.Kind, options.Scripts, state);
            ForcedCollections? collections = load.CollectsEverySecond && subject.Name == Subject.Ours ? new(state) : null;
            using Handler handler = Handler.Start(subject.Handler, network, collections is null ? hook : hook.With(collections.Environment), load.Kind == CaseKind.NoReturn);
            try
            {
                Measurement? measured = load.Kind == CaseKind.Iperf
                    ? new IperfRun(network, handler, stop).Measure(options.Duration)
                    : Measure(load, network, handler, collections);
                if (measured is not null)
                    return measured with { FailedStarts = failed };
            }
            catch (Exception e) when (!handler.IsAlive)
            {
                // What fails for want of the handler is the handler's failure, and not the benchmark's.
                stop.ThrowIfCancellationRequested();
                return new Measurement { Failure = $"died during the run: {handler.LastWords()} ({e.Message})", FailedStarts = failed };
            }

            if (handler.IsAlive || failed + 1 == MostStarts)
                return new Measurement { Failure = "never answered: " + handler.LastWords(), FailedStarts = failed };
        }
    }

    // Null when it did not come to be measured.
    private Measurement? Measure(BenchmarkCase load, BenchmarkNetwork network, Handler? handler, ForcedCollections? collections)
    {
        using LoadRun run = NetworkNamespace.Inside(network.LoadBalancer, () => new LoadRun(load, BenchmarkNetwork.LoadBalancerEnd, BenchmarkNetwork.ApplianceEnd, stop));
        bool isReturned = load.Kind != CaseKind.NoReturn;
        long CountArrivals() => ArrivalCounter.Read(network.Appliance, load.Sizes[0]);
        if (!run.Reach(_reachWithin, () => handler?.IsAlive != false, isReturned ? null : () => CountArrivals() > 0))
        {
            stop.ThrowIfCancellationRequested();
            return null;
        }

        run.Run(options.WarmUp);
        LossSites sites = LossSites.Begin(network, handler);
        long arrivedBefore = isReturned ? 0 : CountArrivals();
        long collectedBefore = collections?.Count ?? 0;
        Expense expense = Expense.Begin(handler);
        long packets = 0;
        LoadResult result = run.Run(options.Duration, returned =>
        {
            packets = returned;
            expense.End();
        });
        stop.ThrowIfCancellationRequested();
        if (handler?.IsAlive == false)
            return new Measurement { Sent = result.Sent, Returned = result.Returned, Lost = result.Lost, Failure = "died during the run: " + handler.LastWords() };
        if (!isReturned)
        {
            packets = CountArrivals() - arrivedBefore;
            result = Delivered(result, packets);
        }

        return new Measurement
        {
            PacketsPerSecond = result.PacketsPerSecond,
            GigabitsPerSecond = isReturned ? result.GigabitsPerSecond : null,
            HandlerMicroseconds = expense.HandlerMicroseconds(packets),
            MachineMicroseconds = expense.MachineMicroseconds(packets),
            P50Microseconds = isReturned ? result.Latency.Quantile(0.5) / 1e3 : null,
            P99Microseconds = isReturned ? result.Latency.Quantile(0.99) / 1e3 : null,
            ResidentMegabytes = handler?.ResidentMegabytes,
            StolenShare = expense.StolenShare,
            Sent = result.Sent,
            Returned = result.Returned,
            Lost = result.Lost,
            LossSites = result.Lost == 0 ? new Dictionary<string, long>() : sites.Read(),
            Wrong = result.Wrong,
            Faults = result.Faults,
            Failure = result.SendFault ?? (collections?.Count == collectedBefore ? "no garbage was collected meanwhile" : null) ?? (result.Returned == 0 ? "nothing came back" : null),
        };
    }

    // Nothing comes back to be judged: what counts is what came out of gwi.
    private LoadResult Delivered(LoadResult sent, long arrived) => sent with
    {
        Returned = arrived,
        PacketsPerSecond = arrived / options.Duration.TotalSeconds,
    };
}
