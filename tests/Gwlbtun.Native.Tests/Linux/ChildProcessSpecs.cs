using System.Collections.Concurrent;
using System.Diagnostics;
using Gwlbtun.Native.Linux;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Native.Tests.Linux;

public sealed class ChildProcessSpecs
{
    private static readonly Dictionary<string, string> _noExtras = [];

    private readonly ConcurrentQueue<string> _lines = new();

    [Fact]
    public async Task Should_hand_over_every_line_before_the_end_when_it_writes_to_output_and_error()
    {
        var exit = await Shell("echo one; echo two >&2; printf three").Exited.WaitAsync(Wait.Patience);

        Assert.Equal(new ChildExit(0, null), exit);
        Assert.Equal(["one", "two", "three"], _lines);
    }

    [Theory]
    [InlineData("exit 3", 3, null)]
    [InlineData("kill -KILL $$", null, 9)]
    public async Task Should_say_how_it_ended(string script, int? code, int? signal) =>
        Assert.Equal(new ChildExit(code, signal), await Shell(script).Exited.WaitAsync(Wait.Patience));

    [Fact]
    public async Task Should_pass_arguments_and_environment_unchanged()
    {
        var extras = new Dictionary<string, string> { ["GWLBTUN_TEST"] = "a b=c", ["HOME"] = "/replaced" };

        var child = ChildProcess.Start("/bin/sh", ["-c", "echo \"$1|$2|$GWLBTUN_TEST|$HOME|$PATH\"", "name", "x y", "é*"], extras, _lines.Enqueue);
        await child.Exited.WaitAsync(Wait.Patience);

        Assert.Equal($"x y|é*|a b=c|/replaced|{Environment.GetEnvironmentVariable("PATH")}", Assert.Single(_lines));
    }

    [Fact]
    public async Task Should_start_with_default_signals_and_none_blocked()
    {
        await Shell("grep -E '^Sig(Blk|Ign)' /proc/self/status").Exited.WaitAsync(Wait.Patience);

        // 32 and 33 are the C library's own, beyond anybody's reach.
        var masks = _lines.Select(line => Convert.ToUInt64(line.Split('\t')[1], 16) & ~0x1_8000_0000u);
        Assert.Equal([0ul, 0ul], masks);
    }

    [Fact]
    public async Task Should_inherit_none_of_our_descriptors_when_they_are_close_on_exec()
    {
        var blocked = Shell("sleep 1000");
        var inheritable = Directory.EnumerateFiles("/proc/self/fdinfo").Where(IsInheritable).Select(Path.GetFileName).ToHashSet();

        await Shell("readlink /proc/self/fd/0; for fd in $(ls /proc/self/fd); do [ -e /proc/$$/fd/$fd ] && echo $fd; done").Exited.WaitAsync(Wait.Patience);

        blocked.SignalGroup(ChildProcess.Kill);
        Assert.Equal("/dev/null", _lines.First());
        Assert.Equal(["0", "1", "2"], _lines.Skip(1).Where(fd => fd.Length == 1 || !inheritable.Contains(fd)).Order());

        static bool IsInheritable(string info)
        {
            const int closeOnExec = 0x80000;
            try
            {
                return File.ReadLines(info).Any(line => line.StartsWith("flags:", StringComparison.Ordinal) && (Convert.ToInt32(line[6..].Trim(), 8) & closeOnExec) == 0);
            }
            catch (IOException)
            {
                return false; // closed meanwhile: the descriptor that lists the directory, for one
            }
        }
    }

    [Fact]
    public async Task Should_lead_a_process_group_of_its_own()
    {
        var child = Shell("ps -o pgid= -p $$");
        await child.Exited.WaitAsync(Wait.Patience);

        Assert.Equal(child.Id.ToString(), Assert.Single(_lines).Trim());
    }

    [Theory]
    [InlineData("/no/such/file")]
    [InlineData("/etc/passwd")]
    public void Should_throw_when_the_file_cannot_be_executed(string file)
    {
        var thrown = Assert.Throws<LinuxException>(() => ChildProcess.Start(file, [], _noExtras, _lines.Enqueue));

        Assert.Contains(file, thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_end_what_it_started_too_when_the_group_is_signalled()
    {
        var started = new TaskCompletionSource();
        var child = ChildProcess.Start("/bin/sh", ["-c", "sleep 1000 & echo $!; wait"], _noExtras, line =>
        {
            _lines.Enqueue(line);
            started.SetResult();
        });
        await started.Task.WaitAsync(Wait.Patience);

        child.SignalGroup(ChildProcess.Terminate);

        Assert.Equal(new ChildExit(null, ChildProcess.Terminate), await child.Exited.WaitAsync(Wait.Patience));
        await Gone(int.Parse(Assert.Single(_lines)));
    }

    [Fact]
    public async Task Should_end_a_child_that_ignores_SIGTERM_when_killed()
    {
        var started = new TaskCompletionSource();
        var child = ChildProcess.Start("/bin/sh", ["-c", "trap '' TERM; echo ready; while :; do sleep 0.01; done"], _noExtras, _ => started.TrySetResult());
        await started.Task.WaitAsync(Wait.Patience);
        child.SignalGroup(ChildProcess.Terminate);

        child.SignalGroup(ChildProcess.Kill);

        Assert.Equal(new ChildExit(null, ChildProcess.Kill), await child.Exited.WaitAsync(Wait.Patience));
    }

    [Fact]
    public async Task Should_be_done_and_go_on_reading_when_a_daemon_holds_the_output()
    {
        var fifo = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        var late = new TaskCompletionSource();
        var child = ChildProcess.Start("/bin/sh", ["-c", $"mkfifo {fifo}; (read word < {fifo}; echo late $word) & echo early"], _noExtras, line =>
        {
            _lines.Enqueue(line);
            if (line.StartsWith("late", StringComparison.Ordinal))
                late.SetResult();
        });
        try
        {
            Assert.True((await child.Exited.WaitAsync(Wait.Patience)).IsSuccess);
            Assert.Equal(["early"], _lines);

            await File.WriteAllTextAsync(fifo, "hello\n");
            await late.Task.WaitAsync(Wait.Patience);
            Assert.Equal(["early", "late hello"], _lines);
        }
        finally
        {
            File.Delete(fifo);
        }
    }

    [Fact]
    public async Task Should_be_done_when_a_daemon_never_stops_writing()
    {
        var daemon = new TaskCompletionSource<int>();
        var child = ChildProcess.Start("/bin/sh", ["-c", "yes & echo pid $!"], _noExtras, line =>
        {
            if (line.StartsWith("pid", StringComparison.Ordinal))
                daemon.SetResult(int.Parse(line[4..]));
        });

        var exit = await child.Exited.WaitAsync(Wait.Patience);

        PosixSpawn.Kill(await daemon.Task.WaitAsync(Wait.Patience), ChildProcess.Kill);
        Assert.True(exit.IsSuccess);
    }

    [Fact]
    public async Task Should_cut_a_line_that_is_too_long()
    {
        await Shell($"head -c {LineSplitter.MaximumLength + 1} /dev/zero | tr '\\0' x").Exited.WaitAsync(Wait.Patience);

        Assert.Equal([LineSplitter.MaximumLength, 1], _lines.Select(line => line.Length));
    }

    [Fact]
    public async Task Should_leave_no_descriptor_open_when_it_has_ended()
    {
        // Tests beside this one start programs by .NET's own means, which open a pipe at their first use and keep it.
        using (var first = Process.Start(new ProcessStartInfo("true") { RedirectStandardOutput = true })!)
            await first.StandardOutput.ReadToEndAsync();
        await Shell("true").Exited.WaitAsync(Wait.Patience);
        var before = PipesOpen();

        for (var i = 0; i < 50; i++)
            await Shell("true").Exited.WaitAsync(Wait.Patience);

        await Until(() => PipesOpen() <= before);

        static int PipesOpen() => Directory.EnumerateFiles("/proc/self/fd")
            .Select(fd => new FileInfo(fd).LinkTarget ?? "").Count(target => target.StartsWith("pipe:", StringComparison.Ordinal) || target.Contains("pidfd", StringComparison.Ordinal));
    }

    private ChildProcess Shell(string script) => ChildProcess.Start("/bin/sh", ["-c", script], _noExtras, _lines.Enqueue);

    private static Task Gone(int processId) => Until(() => !Directory.Exists($"/proc/{processId}") || File.ReadAllText($"/proc/{processId}/stat").Contains(") Z ", StringComparison.Ordinal));

    /// <summary>For what Linux does on its own time and tells nobody.</summary>
    private static async Task Until(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Wait.Patience);
        while (!condition())
            await Task.Delay(10, patience.Token);
    }
}
