using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Lifecycle;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Actors.Tests.Lifecycle;

public sealed class LifecycleActorSpecs : TestKit
{
    private const ulong Eni = 0x0b8ee1d4db0c51c0;
    private const string VirtualTime = """akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit" """;

    private static readonly HookSettings _noHooks = new(
        Create: null, Destroy: null, new Dictionary<string, string>(), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(5), Parallelism: 8, CreateFailureAction.Continue);

    private readonly CapturedLog _log = new();
    private readonly HookCounters _counters = new();

    public LifecycleActorSpecs() : base(VirtualTime)
    {
    }

    private TestScheduler Time => (TestScheduler)Sys.Scheduler;

    [Fact]
    public async Task Should_tell_the_hook_what_it_is_about_in_arguments_and_environment()
    {
        var lifecycle = Start("""echo "$@"; env | grep ^GWLBTUN_ | sort""");

        lifecycle.Tell(new RunCreate(Subject(Eni)), TestActor);

        var finished = await Finished();
        Assert.Equal((Eni, HookAction.Create, HookOutcome.Succeeded), (finished.EniId, finished.Action, finished.Outcome));
        Assert.Equal(
            [
                "CREATE gwi-1mCyRrMGsrI gwo-1mCyRrMGsrI 00b8ee1d4db0c51c0",
                "GWLBTUN_ACTION=CREATE",
                "GWLBTUN_ENI=00b8ee1d4db0c51c0",
                "GWLBTUN_IN_INTERFACE=gwi-1mCyRrMGsrI",
                "GWLBTUN_OUT_INTERFACE=gwo-1mCyRrMGsrI",
                "GWLBTUN_VPCE_ID=vpce-00b8ee1d4db0c51c0",
            ],
            HookLines());
        Assert.Equal((1u, 0u, 0u), (_counters.Run, _counters.Failed, _counters.TimedOut));
    }

    [Fact]
    public async Task Should_let_configured_variables_win_over_the_handlers_own()
    {
        var hooks = Options("echo $COLOUR in $HOME") with { Environment = new Dictionary<string, string> { ["COLOUR"] = "dark blue", ["HOME"] = "/nowhere" } };

        Start(hooks).Tell(new RunCreate(Subject(Eni)), TestActor);

        await Finished();
        Assert.Equal(["dark blue in /nowhere"], HookLines());
    }

    [Fact]
    public async Task Should_name_no_egress_device_when_return_traffic_is_off()
    {
        var lifecycle = Start("echo $3 $GWLBTUN_OUT_INTERFACE");

        lifecycle.Tell(new RunCreate(HookSubject.For(Eni, returnTraffic: false)), TestActor);

        await Finished();
        Assert.Equal(["none none"], HookLines());
    }

    [Fact]
    public async Task Should_count_and_log_a_failure_with_the_endpoint_when_the_hook_exits_nonzero()
    {
        Start("exit 7").Tell(new RunCreate(Subject(Eni)), TestActor);

        var finished = await Finished();

        Assert.Equal(HookOutcome.Failed, finished.Outcome);
        Assert.Equal("exit code 7", finished.Detail);
        Assert.Equal((1u, 1u, 0u), (_counters.Run, _counters.Failed, _counters.TimedOut));
        Assert.Contains("Warning: ENI 00b8ee1d4db0c51c0: CREATE hook failed: exit code 7", _log.Lines);
    }

    [Fact]
    public async Task Should_count_a_failure_when_the_hook_cannot_be_started()
    {
        var vanished = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.Copy("/bin/true", vanished);
        var hooks = _noHooks with { Create = Command(vanished) };
        File.Delete(vanished);
        Start(hooks).Tell(new RunCreate(Subject(Eni)), TestActor);

        var finished = await Finished();

        Assert.Equal(HookOutcome.Failed, finished.Outcome);
        Assert.Contains(vanished, finished.Detail, StringComparison.Ordinal);
        Assert.Contains("ENOENT", finished.Detail, StringComparison.Ordinal);
        Assert.Equal((1u, 1u), (_counters.Run, _counters.Failed));
    }

    [Fact]
    public async Task Should_answer_at_once_when_no_hook_is_configured()
    {
        Start(_noHooks).Tell(new RunCreate(Subject(Eni)), TestActor);

        Assert.Equal(HookOutcome.NotNeeded, (await Finished()).Outcome);
        Assert.Equal(0u, _counters.Run);
    }

    [Fact]
    public async Task Should_terminate_the_hook_when_it_runs_into_its_time_out()
    {
        var lifecycle = Start("trap 'echo cleaned; exit 0' TERM; echo ready; while :; do sleep 0.01; done");
        lifecycle.Tell(new RunCreate(Subject(Eni)), TestActor);
        await _log.Contains("ready");

        Time.Advance(TimeSpan.FromSeconds(30));

        var finished = await Finished();
        Assert.Equal(HookOutcome.TimedOut, finished.Outcome);
        Assert.Equal("cleaned", HookLines().Last());
        Assert.Equal((1u, 0u, 1u), (_counters.Run, _counters.Failed, _counters.TimedOut));
    }

    [Fact]
    public async Task Should_kill_the_hook_when_it_outlives_its_grace()
    {
        var lifecycle = Start("trap '' TERM; echo ready; while :; do sleep 0.01; done");
        lifecycle.Tell(new RunCreate(Subject(Eni)), TestActor);
        await _log.Contains("ready");
        Time.Advance(TimeSpan.FromSeconds(30));
        await _log.Contains("hooks.timeout");

        Time.Advance(TimeSpan.FromSeconds(5));

        var finished = await Finished();
        Assert.Equal(HookOutcome.TimedOut, finished.Outcome);
        Assert.Contains("signal 9", finished.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_run_DESTROY_after_CREATE_when_both_are_asked_for_at_once()
    {
        var lifecycle = Start("echo begin $1; sleep 0.05; echo end $1");

        lifecycle.Tell(new RunCreate(Subject(Eni)), TestActor);
        lifecycle.Tell(new RunDestroy(Subject(Eni)), TestActor);

        Assert.Equal(HookAction.Create, (await Finished()).Action);
        Assert.Equal(HookAction.Destroy, (await Finished()).Action);
        Assert.Equal(["begin CREATE", "end CREATE", "begin DESTROY", "end DESTROY"], HookLines());
    }

    [Fact]
    public async Task Should_run_DESTROY_before_a_second_CREATE_when_a_tunnel_is_rebuilt()
    {
        var lifecycle = Start("echo $1");
        lifecycle.Tell(new RunCreate(Subject(Eni)), TestActor);
        await Finished();

        lifecycle.Tell(new RunCreate(Subject(Eni)), TestActor);

        Assert.Equal(HookAction.Create, (await Finished()).Action);
        Assert.Equal(["CREATE", "DESTROY", "CREATE"], HookLines());
        Assert.Equal(3u, _counters.Run);
    }

    [Fact]
    public async Task Should_not_run_DESTROY_when_no_CREATE_stands()
    {
        var lifecycle = Start("echo $1");
        lifecycle.Tell(new RunCreate(Subject(Eni)), TestActor);
        await Finished();
        lifecycle.Tell(new RunDestroy(Subject(Eni)), TestActor);
        await Finished();

        lifecycle.Tell(new RunDestroy(Subject(Eni)), TestActor);

        Assert.Equal(HookOutcome.NotNeeded, (await Finished()).Outcome);
        Assert.Equal(["CREATE", "DESTROY"], HookLines());
    }

    [Fact]
    public async Task Should_withdraw_a_CREATE_that_has_not_begun_when_its_DESTROY_is_asked_for()
    {
        using var gate = new HookGate();
        var lifecycle = Start(Options($"echo $1 $4; read gate < {gate.Path}") with { Parallelism = 1 });
        lifecycle.Tell(new RunCreate(Subject(1)), TestActor);
        lifecycle.Tell(new RunCreate(Subject(2)), TestActor);

        lifecycle.Tell(new RunDestroy(Subject(2)), TestActor);

        Assert.Equal((2u, HookAction.Create, HookOutcome.NotNeeded), Brief(await Finished()));
        Assert.Equal((2u, HookAction.Destroy, HookOutcome.NotNeeded), Brief(await Finished()));
        gate.Open();
        Assert.Equal((1u, HookAction.Create, HookOutcome.Succeeded), Brief(await Finished()));
        Assert.Equal(["CREATE 00000000000000001"], HookLines());
    }

    [Fact]
    public async Task Should_run_no_more_than_allowed_at_once_and_every_one_in_the_end()
    {
        const int endpoints = 6, parallelism = 2;
        // The first ones wait for each other; the others find them there.
        var begun = Directory.CreateTempSubdirectory("gwlbtun-hooks-").FullName;
        var lifecycle = Start(Options($"echo in; touch {begun}/$4; while [ -d {begun} ] && [ $(ls {begun} | wc -l) -lt {parallelism} ]; do sleep 0.02; done; echo out") with { Parallelism = parallelism });

        try
        {
            for (ulong eni = 1; eni <= endpoints; eni++)
                lifecycle.Tell(new RunCreate(Subject(eni)), TestActor);

            for (var i = 0; i < endpoints; i++)
                Assert.Equal(HookOutcome.Succeeded, (await Finished()).Outcome);
            var running = 0;
            var atMost = 0;
            foreach (var line in HookLines())
                atMost = Math.Max(atMost, running += line == "in" ? 1 : -1);
            Assert.Equal(parallelism, atMost);
        }
        finally
        {
            Directory.Delete(begun, recursive: true);
        }
    }

    [Fact]
    public async Task Should_not_hold_other_endpoints_up_when_one_hook_hangs()
    {
        using var gate = new HookGate();
        var lifecycle = Start($"[ $4 = 00000000000000002 ] || read gate < {gate.Path}");
        lifecycle.Tell(new RunCreate(Subject(1)), TestActor);

        lifecycle.Tell(new RunCreate(Subject(2)), TestActor);

        Assert.Equal((2u, HookAction.Create, HookOutcome.Succeeded), Brief(await Finished()));
        gate.Open();
        Assert.Equal((1u, HookAction.Create, HookOutcome.Succeeded), Brief(await Finished()));
    }

    [Fact]
    public async Task Should_answer_what_needs_no_program_when_every_slot_is_taken()
    {
        using var gate = new HookGate();
        var lifecycle = Start(Options($"read go < {gate.Path}") with { Parallelism = 1 });
        lifecycle.Tell(new RunCreate(Subject(1)), TestActor);

        lifecycle.Tell(new RunDestroy(Subject(2)), TestActor);

        Assert.Equal((2u, HookAction.Destroy, HookOutcome.NotNeeded), Brief(await Finished()));
        gate.Open();
        Assert.Equal((1u, HookAction.Create, HookOutcome.Succeeded), Brief(await Finished()));
    }

    [Fact]
    public async Task Should_run_a_second_CREATE_when_there_is_no_DESTROY_hook()
    {
        var lifecycle = Start(Options("echo $1") with { Destroy = null });
        lifecycle.Tell(new RunCreate(Subject(Eni)), TestActor);
        await Finished();

        lifecycle.Tell(new RunCreate(Subject(Eni)), TestActor);

        Assert.Equal(HookOutcome.Succeeded, (await Finished()).Outcome);
        Assert.Equal(["CREATE", "CREATE"], HookLines());
    }

    [Fact]
    public async Task Should_go_on_and_leave_nobody_waiting_when_it_meets_a_defect()
    {
        using var gate = new HookGate();
        var lifecycle = Start(Options($"[ $1 = DESTROY ] || read go < {gate.Path}"), idleTimeout: TimeSpan.FromSeconds(10));
        lifecycle.Tell(new RunCreate(Subject(Eni)), TestActor);
        lifecycle.Tell(new WatchIdle(Eni, TestActor, () => throw new InvalidOperationException("A defect.")));
        await Settled(lifecycle);

        Time.Advance(TimeSpan.FromSeconds(1));

        var finished = await Finished();
        Assert.Equal((Eni, HookAction.Create, HookOutcome.Failed), Brief(finished));
        Assert.Contains("A defect.", finished.Detail, StringComparison.Ordinal);
        // It still knows that a CREATE stands.
        lifecycle.Tell(new RunDestroy(Subject(Eni)), TestActor);
        Assert.Equal((Eni, HookAction.Destroy, HookOutcome.Succeeded), Brief(await Finished()));
    }

    [Fact]
    public async Task Should_tell_an_endpoint_once_when_it_is_idle_for_too_long()
    {
        var lifecycle = Start(_noHooks, idleTimeout: TimeSpan.FromSeconds(10));
        var idleFor = TimeSpan.FromSeconds(10);
        lifecycle.Tell(new WatchIdle(Eni, TestActor, () => idleFor));
        await Settled(lifecycle);
        Time.Advance(TimeSpan.FromSeconds(1));
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));

        idleFor = TimeSpan.FromSeconds(11);
        Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(new EndpointIdle(Eni, idleFor), await ExpectMsgAsync<EndpointIdle>(Wait.Patience));
        Time.Advance(TimeSpan.FromSeconds(5));
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
    }

    private static (ulong, HookAction, HookOutcome) Brief(HookFinished finished) => (finished.EniId, finished.Action, finished.Outcome);

    private static HookSubject Subject(ulong eniId) => HookSubject.For(eniId, returnTraffic: true);

    private static HookSettings Options(string script)
    {
        // Not a plain path: run by a shell, which appends the hook's arguments.
        var command = Command($"hook() {{ {script}\n}}; hook");
        return _noHooks with { Create = command, Destroy = command };
    }

    private static HookCommand Command(string text) =>
        HookCommand.TryParse(text, out var command, out var error) ? command! : throw new ArgumentException(error, nameof(text));

    private IActorRef Start(string script) => Start(Options(script));

    private IActorRef Start(HookSettings hooks, TimeSpan idleTimeout = default) =>
        Sys.ActorOf(LifecycleActor.Props(hooks, idleTimeout, _counters, _log));

    private async Task<HookFinished> Finished() => await ExpectMsgAsync<HookFinished>(Wait.Patience);

    /// <summary>Everything told before has been taken in.</summary>
    private static Task<ActorIdentity> Settled(IActorRef actor) => actor.Ask<ActorIdentity>(new Identify(null), Wait.Patience);

    private string[] HookLines() => [.. _log.Lines.Where(line => line.Contains(" hook: ", StringComparison.Ordinal)).Select(line => line[(line.IndexOf(" hook: ", StringComparison.Ordinal) + 7)..])];
}
