using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

public sealed class ThreadSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    [Fact]
    public async Task Should_run_as_many_named_threads_as_asked()
    {
        var gwlbtun = await StartAsync("--udpthreads", "3", "--tunthreads", "2", "-c", Passthrough);
        await Gwlb.EchoAsync(new GwlbFlow(Eni, 1), 0);
        Await(["gwlbtun T000", "gwlbtun T001", "gwlbtun U000", "gwlbtun U001", "gwlbtun U002"], () => DataThreads(gwlbtun));
    }

    [Fact]
    public async Task Should_run_one_thread_of_each_kind_per_core_when_nothing_is_said()
    {
        var gwlbtun = await StartAsync("-c", Passthrough);
        await Gwlb.EchoAsync(new GwlbFlow(Eni, 1), 0);
        Await([2 * Environment.ProcessorCount], () => [DataThreads(gwlbtun).Count]);
    }

    [Fact]
    public async Task Should_pin_threads_to_their_cores_when_affinity_is_given()
    {
        var core = Environment.ProcessorCount - 1;
        var gwlbtun = await StartAsync("--udpthreads", "4", "--udpaffinity", "0", "--tunaffinity", $"{core}", "-c", Passthrough);
        await Gwlb.EchoAsync(new GwlbFlow(Eni, 1), 0);
        Await([$"gwlbtun TA{core:000}", "gwlbtun UA000"], () => DataThreads(gwlbtun));
        Await(["0", $"{core}"], () => [gwlbtun.AllowedCores("gwlbtun UA000"), gwlbtun.AllowedCores($"gwlbtun TA{core:000}")]);
    }

    [Fact]
    public async Task Should_share_one_pool_of_threads_when_there_are_many_endpoints()
    {
        var gwlbtun = await StartAsync("--udpthreads", "1", "--tunthreads", "2", "-c", Passthrough);
        foreach (var n in Enumerable.Range(0, 20))
            await Gwlb.EchoAsync(new GwlbFlow(Eni + (ulong)n, n), 0);
        Await([3], () => [DataThreads(gwlbtun).Count]);
    }

    private static IReadOnlyList<string> DataThreads(GwlbtunProcess gwlbtun) =>
        [.. gwlbtun.ThreadNames().Where(name => name.StartsWith("gwlbtun U", StringComparison.Ordinal) || name.StartsWith("gwlbtun T", StringComparison.Ordinal))];

    /// <summary>A thread names and pins itself when it begins, and others that come and go have none of these names.</summary>
    private static void Await<T>(IReadOnlyList<T> expected, Func<IReadOnlyList<T>> read)
    {
        IReadOnlyList<T> found = [];
        _ = SpinWait.SpinUntil(
            () =>
            {
                try
                {
                    found = read();
                }
                catch (IOException)
                {
                    return false; // one has just ended
                }
                return found.SequenceEqual(expected);
            },
            Wait.Patience);
        Assert.Equal(expected, found);
    }
}
