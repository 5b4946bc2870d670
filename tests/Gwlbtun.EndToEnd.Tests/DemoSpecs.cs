using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

[Collection(Alone.Name)]
public sealed class DemoSpecs(ITestOutputHelper output) : IAsyncLifetime
{
    // In a session of its own, so that a signal can go to all of it, as Ctrl-C does.
    private readonly RunningProgram _demo = RunningProgram.Start(["setsid", Repository.PathOf("demo.sh")]);

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _demo.DisposeAsync(output);

    [Fact]
    public async Task Should_show_everything_in_90_s_and_leave_nothing_behind()
    {
        await _demo.WaitForLineAsync("^==> Hairpin", TimeSpan.FromMinutes(3));
        Assert.Equal(0, await _demo.WaitForExitAsync(TimeSpan.FromSeconds(90)));
        Assert.Equal(0, _demo.CountLines("FAILED"));
        Assert.Equal(1, _demo.CountLines("^==> GOOD"));
        await AssertNothingLeftAsync();
    }

    [Fact]
    public async Task Should_leave_nothing_behind_when_interrupted()
    {
        await _demo.WaitForLineAsync("good +hairpin: ping", TimeSpan.FromMinutes(3));
        Signals.Send(-_demo.Id, Signals.Interrupt);
        Assert.NotEqual(0, await _demo.WaitForExitAsync());
        await AssertNothingLeftAsync();
    }

    private async Task AssertNothingLeftAsync()
    {
        Assert.DoesNotContain($"gwdemo-{_demo.Id}-", Command.Run("ip", "netns", "list"), StringComparison.Ordinal);
        // What it killed ends a little later, and the kernel tells nobody but the parent.
        using var timeout = new CancellationTokenSource(Wait.Patience);
        while (Directory.GetDirectories("/proc").Any(IsOfTheDemo) && !timeout.IsCancellationRequested)
            await Task.Delay(20);
        Assert.DoesNotContain(Directory.GetDirectories("/proc"), IsOfTheDemo);
    }

    /// <summary>A process of the demo's session that has not ended.</summary>
    private bool IsOfTheDemo(string process)
    {
        if (!char.IsAsciiDigit(Path.GetFileName(process)[0]))
            return false;
        try
        {
            // /proc/PID/stat: PID (COMM) STATE PARENT GROUP SESSION ..., proc(5)
            var stat = File.ReadAllText($"{process}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is not ("Z" or "X") && fields[3] == $"{_demo.Id}";
        }
        catch (IOException)
        {
            return false; // it has just ended
        }
    }
}
