using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>Real threads, and what the kernel says of them; what time it is, the test says. Needs CAP_SYS_NICE.</summary>
public sealed class PrecedenceSpecs
{
    private long _nowMs = 1_000;

    [Fact]
    public void Should_go_first_while_packets_are_few_only()
    {
        var seen = OnAThread(-7, precedence =>
        {
            var seen = new List<int> { NiceOfThisThread() };
            foreach (var packets in (int[])[0, 1_000_000, 1_000_000, 10, 0])
            {
                precedence.Note(packets);
                precedence.Adapt(NextWindow(precedence));
                seen.Add(NiceOfThisThread());
            }

            return seen;
        });

        Assert.Equal([-7, -7, 0, 0, -7, -7], seen);
    }

    [Fact]
    public void Should_be_content_with_its_part_of_few_packets_when_others_share_the_load()
    {
        // 600 in 10 ms are 60,000 a second: few for one thread, many for two that have as many each.
        var seen = OnAThread(-7, precedence =>
        {
            var seen = new List<int>();
            foreach (var sharers in (int[])[1, 2, 1])
            {
                precedence.Sharers = sharers;
                precedence.Note(600);
                precedence.Adapt(NextWindow(precedence));
                seen.Add(NiceOfThisThread());
            }

            return seen;
        });

        Assert.Equal([-7, 0, -7], seen);
    }

    [Fact]
    public void Should_go_back_to_the_nice_value_that_the_process_has()
    {
        var seen = OnAThread(-7, precedence =>
        {
            precedence.Note(1_000_000);
            precedence.Adapt(NextWindow(precedence));
            return NiceOfThisThread();
        }, before: -3);

        Assert.Equal(-3, seen);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void Should_leave_a_nice_value_alone_that_gives_no_precedence(int nice)
    {
        var seen = OnAThread(nice, precedence =>
        {
            precedence.Note(1_000_000);
            Assert.False(precedence.TryEndWindow(_nowMs + (2 * Precedence.WindowMs), out _));
            return NiceOfThisThread();
        });

        Assert.Equal(nice, seen);
    }

    private T OnAThread<T>(int nice, Func<Precedence, T> use, int before = 0)
    {
        T? seen = default;
        var thread = new Thread(() =>
        {
            if (before != 0)
                NiceValue.Set(before).OrThrow("set a nice value");
            var precedence = new Precedence(nice);
            precedence.Start(_nowMs);
            seen = use(precedence);
        });
        thread.Start();
        thread.Join();
        return seen!;
    }

    // Answers whether packets were few.
    private bool NextWindow(Precedence precedence)
    {
        Assert.False(precedence.TryEndWindow(_nowMs + Precedence.WindowMs - 1, out _));
        _nowMs += Precedence.WindowMs;
        Assert.True(precedence.TryEndWindow(_nowMs, out var areFew));
        return areFew;
    }

    // proc(5): field 19, the 17th behind the name.
    private static int NiceOfThisThread() =>
        int.Parse(File.ReadAllText("/proc/thread-self/stat").Split(')')[^1].Split(' ')[17], System.Globalization.CultureInfo.InvariantCulture);
}
