using Akka.Actor;

namespace Gwlbtun.Actors.Tests.Receiving;

/// <summary>Timers that a test lets run out.</summary>
internal sealed class ScriptedTimers : ITimerScheduler
{
    public HashSet<object> Names { get; } = [];

    public IReadOnlyCollection<object> ActiveTimers => Names;

    public bool Take(object key) => Names.Remove(key);

    public void StartSingleTimer(object key, object msg, TimeSpan timeout) => Names.Add(key);

    public void StartSingleTimer(object key, object msg, TimeSpan timeout, IActorRef sender) => Names.Add(key);

    public void StartPeriodicTimer(object key, object msg, TimeSpan interval) => Names.Add(key);

    public void StartPeriodicTimer(object key, object msg, TimeSpan interval, IActorRef sender) => Names.Add(key);

    public void StartPeriodicTimer(object key, object msg, TimeSpan initialDelay, TimeSpan interval) => Names.Add(key);

    public void StartPeriodicTimer(object key, object msg, TimeSpan initialDelay, TimeSpan interval, IActorRef sender) => Names.Add(key);

    public bool IsTimerActive(object key) => Names.Contains(key);

    public void Cancel(object key) => Names.Remove(key);

    public void CancelAll() => Names.Clear();
}
