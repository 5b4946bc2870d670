using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;

namespace Gwlbtun.Benchmarks;

internal static class Program
{
    private static int Main(string[] args)
    {
        // In this process: a generated project would inherit the solution's locked packages.
        ManualConfig config = ManualConfig.Create(DefaultConfig.Instance)
            // Short, so that all of it takes minutes; options of the command line take precedence.
            .AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance)
                .WithWarmupCount(3)
                .WithIterationCount(7)
                .WithIterationTime(TimeInterval.FromMilliseconds(100))
                .AsDefault())
            .AddDiagnoser(MemoryDiagnoser.Default)
            .AddColumn(StatisticColumn.Min, StatisticColumn.Median)
            .HideColumns(Column.Error, Column.StdDev, Column.Job, Column.Toolchain);
        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config);
        return 0;
    }
}
