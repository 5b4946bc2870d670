using Akka.Actor;

namespace Gwlbtun.Actors.Lifecycle;

/// <summary>What <see cref="LifecycleActor"/> understands.</summary>
public interface ILifecycleMessage;

/// <summary>
/// Run the CREATE hook for an endpoint whose devices are up. The sender gets <see cref="HookFinished"/>. When an earlier CREATE of the endpoint has
/// had no DESTROY yet, DESTROY runs first: hooks see them in strict turn.
/// </summary>
/// <param name="Subject">The endpoint and its devices.</param>
public sealed record RunCreate(HookSubject Subject) : ILifecycleMessage;

/// <summary>
/// Run the DESTROY hook for an endpoint. The sender gets <see cref="HookFinished"/>: at once, with <see cref="HookOutcome.NotNeeded"/>, when no
/// CREATE stands to be undone.
/// </summary>
/// <param name="Subject">The endpoint and its devices.</param>
public sealed record RunDestroy(HookSubject Subject) : ILifecycleMessage;

/// <summary>Answer to <see cref="RunCreate"/> and <see cref="RunDestroy"/>.</summary>
/// <param name="EniId">The endpoint.</param>
/// <param name="Action">Which of the two.</param>
/// <param name="Outcome">How it went.</param>
/// <param name="Detail">The outcome in words, for a log or a report.</param>
public sealed record HookFinished(ulong EniId, HookAction Action, HookOutcome Outcome, string Detail);

/// <summary>Tell <paramref name="Eni"/> with <see cref="EndpointIdle"/> once the endpoint has been idle for longer than configured.</summary>
/// <param name="EniId">The endpoint.</param>
/// <param name="Eni">Who is told; watching ends with it.</param>
/// <param name="IdleFor">How long no packet has passed, in either direction. Called on the actor; must not block.</param>
public sealed record WatchIdle(ulong EniId, IActorRef Eni, Func<TimeSpan> IdleFor) : ILifecycleMessage;

/// <summary>Stop watching an endpoint for idleness.</summary>
/// <param name="EniId">The endpoint.</param>
public sealed record UnwatchIdle(ulong EniId) : ILifecycleMessage;

/// <summary>No packet has passed an endpoint in either direction for longer than <c>tunnel.idle-timeout</c>.</summary>
/// <param name="EniId">The endpoint.</param>
/// <param name="IdleFor">For how long.</param>
public sealed record EndpointIdle(ulong EniId, TimeSpan IdleFor);

/// <summary>Which of the two hooks.</summary>
public enum HookAction
{
    /// <summary>The devices are up; nothing has been written into them.</summary>
    Create,

    /// <summary>The tunnel goes away.</summary>
    Destroy,
}

/// <summary>How a hook ended.</summary>
public enum HookOutcome
{
    /// <summary>Exit code 0.</summary>
    Succeeded,

    /// <summary>Another exit code, a signal, or it could not be started.</summary>
    Failed,

    /// <summary>It ran into <c>hooks.timeout</c> and was ended.</summary>
    TimedOut,

    /// <summary>None is configured, or (DESTROY) there is no CREATE to undo.</summary>
    NotNeeded,
}
