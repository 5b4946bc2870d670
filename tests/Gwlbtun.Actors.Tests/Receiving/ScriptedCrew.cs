using Gwlbtun.Actors.Receiving;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Actors.Tests.Receiving;

/// <summary>Threads whose load a test tells.</summary>
internal sealed class ScriptedCrew : IReceiveCrew
{
    private const int Cores = 4;

    private readonly object[] _carriers = [new(), new(), new(), new()];
    private TimeSpan _ran = TimeSpan.FromSeconds(1);
    private ulong _packets;
    private ProcessorTimes _cores;

    public List<int> Moves { get; } = [];

    public object Receiver { get; set; } = new();

    public bool IsBlind { get; set; }

    public TimeSpan Now { get; private set; } = TimeSpan.FromHours(1);

    public TimeSpan ProcessTime { get; private set; }

    public bool IsAnyBehind { get; set; }

    /// <summary>How long the carriers have run but the first, of which it is given.</summary>
    public Func<TimeSpan, TimeSpan?> OthersRan { get; set; } = ran => ran;

    public void Pass(int seconds) => Now += TimeSpan.FromSeconds(seconds);

    public void Work(int seconds)
    {
        Pass(seconds);
        ProcessTime += TimeSpan.FromSeconds(seconds);
    }

    public void Load(int packets, double busy, double idleCores)
    {
        TimeSpan elapsed = TimeSpan.FromMilliseconds(200);
        Now += elapsed;
        _ran += elapsed * busy;
        _packets += (ulong)packets;
        _cores = new ProcessorTimes(_cores.Idle + (long)(1000 * idleCores), _cores.Total + (1000 * Cores));
    }

    public LoadLook? TryLook(int carriers) => IsBlind
        ? null
        : new LoadLook(Now, _cores, Cores, _carriers.Take(carriers).ToDictionary(carrier => carrier, carrier => carrier == _carriers[0] ? _ran : OthersRan(_ran)), new Dictionary<object, ulong> { [Receiver] = _packets });

    public void TellSharers(int width)
    {
    }

    public Task MoveAsync(Seating seating)
    {
        Moves.Add(seating.Width);
        return Task.CompletedTask;
    }
}
