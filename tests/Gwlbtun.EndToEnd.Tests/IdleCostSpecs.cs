using System.Diagnostics;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

[Collection(Alone.Name)]
public sealed class IdleCostSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private static readonly TimeSpan _window = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task Should_take_less_than_a_hundredth_of_a_core_and_150_MB_when_nothing_happens()
    {
        var gwlbtun = await StartAsync("-c", Passthrough);
        for (var n = 0; n < 10; n++)
            await Gwlb.EchoAsync(new GwlbFlow(Eni + (ulong)n, n), 0);

        // The runtime goes on compiling for a while after the start: the quietest window is what idleness costs.
        var quietest = TimeSpan.MaxValue;
        for (var windows = 0; windows < 4 && quietest > _window / 100; windows++)
        {
            var before = CpuTime(gwlbtun.Program.Id);
            await Task.Delay(_window);
            var spent = CpuTime(gwlbtun.Program.Id) - before;
            quietest = spent < quietest ? spent : quietest;
        }

        var resident = gwlbtun.ResidentBytes;
        Output.WriteLine($"{quietest} of {_window}, {resident} bytes");
        Assert.True(quietest <= _window / 100, $"{quietest} of {_window}");
        Assert.InRange(resident, 1, 150_000_000);
    }

    /// <summary>What its threads spent on a core, those that have ended meanwhile too.</summary>
    private static TimeSpan CpuTime(int processId)
    {
        using var process = Process.GetProcessById(processId);
        return process.TotalProcessorTime;
    }
}
