using System.Diagnostics;
using Gwlbtun.Native.Linux;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Native.Tests.Linux;

/// <summary>Real threads.</summary>
public sealed class ThreadTimeSpecs
{
    [Fact]
    public void Should_grow_while_the_thread_runs_and_stand_still_while_it_waits()
    {
        var threadId = 0;
        using var hasRun = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        // A name as awkward as the kernel's line allows.
        var thread = new Thread(() =>
        {
            Volatile.Write(ref threadId, CpuAffinity.CurrentThreadId());
            while (ThreadTime.Read(threadId) < TimeSpan.FromMilliseconds(50))
                Thread.SpinWait(1000);
            hasRun.Set();
            mayEnd.Wait();
        })
        { Name = "a) 1 (b 2 3" };
        var began = Stopwatch.GetTimestamp();
        thread.Start();
        hasRun.Wait();
        Assert.True(SpinWait.SpinUntil(() => File.ReadAllText($"/proc/self/task/{threadId}/stat").Contains(") S ", StringComparison.Ordinal), Wait.Patience));
        var ran = ThreadTime.Read(threadId)!.Value;
        var elapsed = Stopwatch.GetElapsedTime(began);
        Assert.InRange(ran, TimeSpan.FromMilliseconds(50), elapsed + TimeSpan.FromMilliseconds(20));

        // As long again, by a thread that does run.
        var own = CpuAffinity.CurrentThreadId();
        var start = ThreadTime.Read(own);
        while (ThreadTime.Read(own) - start < TimeSpan.FromMilliseconds(50))
            Thread.SpinWait(1000);
        Assert.InRange(ThreadTime.Read(threadId)!.Value - ran, TimeSpan.Zero, TimeSpan.FromMilliseconds(10));
        mayEnd.Set();
        thread.Join();
    }

    [Fact]
    public void Should_be_unknown_for_a_thread_that_is_no_more()
    {
        var threadId = 0;
        var thread = new Thread(() => threadId = CpuAffinity.CurrentThreadId());
        thread.Start();
        thread.Join();
        // The kernel's thread goes a moment after the runtime's.
        Assert.True(SpinWait.SpinUntil(() => !Directory.Exists($"/proc/self/task/{threadId}"), Wait.Patience));
        Assert.Null(ThreadTime.Read(threadId));
    }
}
