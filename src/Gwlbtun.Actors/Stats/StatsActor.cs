using Akka.Actor;
using Gwlbtun.Native.Forwarding;

namespace Gwlbtun.Actors.Stats;

/// <summary>
/// Says how the handler is: from the states that it is told, and from the data threads' counters, which it reads without disturbing anybody.
/// Counters are native memory, so whoever is about to free some tells this actor first and waits for its word.
/// </summary>
internal sealed class StatsActor : ReceiveActor
{
    private readonly ReportSources _sources;

    public StatsActor(ReportSources sources)
    {
        _sources = sources;

        Receive<GetReport>(_ => Sender.Tell(ReportBuilder.Build(_sources)));
        Receive<EniStateChanged>(_sources.Note);
        Receive<ForgetEni>(forget =>
        {
            _sources.Forget(forget.Gate);
            Sender.Tell(new EniForgotten(forget.Gate));
        });
        Receive<ReceiveThreadsChanged>(changed =>
        {
            _sources.Receivers.Note(changed.Threads, changed.Replaced);
            AnswerForgotten(changed.Replaced);
        });
        Receive<TunnelThreadsChanged>(changed =>
        {
            _sources.TunnelThreads.Note(changed.Threads, changed.Replaced);
            AnswerForgotten(changed.Replaced);
        });
        Receive<ShutdownBegun>(_ => _sources.IsStopping = true);
        Receive<EndReports>(_ =>
        {
            Become(Ended);
            Sender.Tell(new ReportsEnded());
        });
    }

    public static Props Props(ReportSources sources) => Akka.Actor.Props.Create(() => new StatsActor(sources));

    private void Ended() => Receive<GetReport>(_ => Sender.Tell(GatewayReport.Unavailable(GatewayReport.ShuttingDown)));

    private void AnswerForgotten(DataThread? replaced)
    {
        if (replaced is not null)
            Sender.Tell(new ThreadForgotten(replaced));
    }
}
