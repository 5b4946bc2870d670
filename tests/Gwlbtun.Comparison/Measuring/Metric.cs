namespace Gwlbtun.Comparison.Measuring;

/// <summary>A figure that subjects are compared by.</summary>
/// <param name="Name">In JSON.</param>
/// <param name="Heading">In tables.</param>
/// <param name="Of">Reads it.</param>
/// <param name="Format">How to print it.</param>
internal sealed record Metric(string Name, string Heading, Func<Measurement, double?> Of, string Format)
{
    public static Metric Throughput { get; } = new("kilopacketsPerSecond", "kpps", run => run.PacketsPerSecond / 1e3, "0.0");

    public static Metric Handler { get; } = new("handlerMicrosecondsPerPacket", "handler µs", run => run.HandlerMicroseconds, "0.00");

    public static IReadOnlyList<Metric> All { get; } =
    [
        Throughput,
        new("gigabitsPerSecond", "Gbit/s", run => run.GigabitsPerSecond, "0.000"),
        Handler,
        new("machineMicrosecondsPerPacket", "machine µs", run => run.MachineMicroseconds, "0.00"),
        new("p50Microseconds", "p50 µs", run => run.P50Microseconds, "0"),
        new("p99Microseconds", "p99 µs", run => run.P99Microseconds, "0"),
        new("residentMegabytes", "RSS MB", run => run.ResidentMegabytes, "0"),
    ];
}
