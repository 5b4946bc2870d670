using System.Text;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Health;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Shared;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gwlbtun.Actors.Tests.Health;

public class HealthAnswersSpecs
{
    private readonly ScriptedSource _source = new();
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public async Task Should_take_one_report_when_many_ask_at_once()
    {
        var answers = Answers();
        var reply = _source.Hold();

        var waiting = Enumerable.Range(0, 100).Select(_ => answers.GetAsync()).ToArray();
        reply.SetResult(SampleReports.Healthy);

        Assert.All(await Task.WhenAll(waiting), answer => Assert.True(answer.Healthy));
        Assert.Equal(1, _source.Asked);
    }

    [Fact]
    public async Task Should_give_the_same_answer_again_until_it_is_stale()
    {
        var answers = Answers();

        var first = await answers.GetAsync();
        _clock.Advance(HealthAnswers.Freshness - TimeSpan.FromMilliseconds(1));
        Assert.Same(first, await answers.GetAsync());
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.NotSame(first, await answers.GetAsync());

        Assert.Equal(2, _source.Asked);
    }

    [Fact]
    public async Task Should_be_unhealthy_and_say_so_when_no_report_comes_in_time()
    {
        var answers = Answers();
        _source.Hold();

        var waiting = answers.GetAsync();
        Assert.True(SpinWait.SpinUntil(() => _source.Asked == 1, Wait.Patience));
        _clock.Advance(HealthAnswers.Patience);
        var answer = await waiting.WaitAsync(Wait.Patience);

        Assert.False(answer.Healthy);
        Assert.Contains("did not report its state within 1 s", Text(answer), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_be_unhealthy_and_say_why_when_taking_the_report_fails()
    {
        var answers = Answers();
        _source.Hold().SetException(new InvalidOperationException("no such actor"));

        var answer = await answers.GetAsync();

        Assert.False(answer.Healthy);
        Assert.Contains("no such actor", Text(answer), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_ask_again_after_a_failure()
    {
        var answers = Answers();
        _source.Hold().SetException(new InvalidOperationException("not yet"));
        await answers.GetAsync();

        _source.Release();
        _clock.Advance(HealthAnswers.Freshness);

        Assert.True((await answers.GetAsync()).Healthy);
    }

    [Fact]
    public async Task Should_be_unhealthy_at_once_when_shutdown_begins_while_an_answer_is_fresh()
    {
        var answers = Answers();
        Assert.True((await answers.GetAsync()).Healthy);

        answers.BeginShutdown();
        var answer = await answers.GetAsync();

        Assert.False(answer.Healthy);
        Assert.Contains("Problem: The handler is shutting down.", Text(answer), StringComparison.Ordinal);
        Assert.Contains("Handler for ENI 00b8ee1d4db0c51c0", Text(answer), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_say_only_once_that_it_shuts_down_when_the_report_says_so_itself()
    {
        var answers = Answers();
        _source.Report = SampleReports.Healthy with { Healthy = false, Problems = [GatewayReport.ShuttingDown] };

        answers.BeginShutdown();
        var text = Text(await answers.GetAsync());

        Assert.Equal(2, text.Split(GatewayReport.ShuttingDown).Length);
    }

    [Fact]
    public async Task Should_be_unhealthy_at_once_when_shutdown_begins_while_a_report_is_being_taken()
    {
        var answers = Answers();
        var reply = _source.Hold();
        var before = answers.GetAsync();

        answers.BeginShutdown();
        var after = answers.GetAsync();
        reply.SetResult(SampleReports.Healthy);

        Assert.True((await before).Healthy);
        Assert.False((await after).Healthy);
    }

    private HealthAnswers Answers() => new(_source, new HealthSettings(0, HealthFormat.Text, false), _clock);

    private static string Text(HealthAnswer answer) => Encoding.UTF8.GetString(answer.Body.Span);
}
