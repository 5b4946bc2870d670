using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

public sealed class IdleCostSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    [Fact]
    public async Task Should_take_less_than_a_hundredth_of_a_core_and_150_MB_when_nothing_happens()
    {
        const int Seconds = 5;
        const int TicksPerSecond = 100; // USER_HZ
        var gwlbtun = await StartAsync("-c", Passthrough);
        for (var n = 0; n < 10; n++)
            await Gwlb.EchoAsync(new GwlbFlow(Eni + (ulong)n, n), 0);
        // What the start left to do in the background is not idleness yet.
        await Task.Delay(TimeSpan.FromSeconds(2));

        var before = CpuTicks(gwlbtun.Program.Id);
        await Task.Delay(TimeSpan.FromSeconds(Seconds));
        var ticks = CpuTicks(gwlbtun.Program.Id) - before;
        var resident = File.ReadLines($"/proc/{gwlbtun.Program.Id}/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        Output.WriteLine($"{ticks} ticks in {Seconds} s, {resident}");
        Assert.True(ticks <= Seconds * TicksPerSecond / 100, $"{ticks} ticks of 10 ms in {Seconds} s");
        Assert.True(int.Parse(resident.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2]) < 150_000, resident);
    }

    /// <summary>utime and stime of /proc/PID/stat, proc(5).</summary>
    private static int CpuTicks(int processId)
    {
        var stat = File.ReadAllText($"/proc/{processId}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return int.Parse(fields[11]) + int.Parse(fields[12]);
    }
}
