using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using Gwlbtun.Comparison.Measuring;
using Gwlbtun.Comparison.Network;
using Gwlbtun.Native.Linux;
using Gwlbtun.Shared;

namespace Gwlbtun.Comparison.Handlers;

/// <summary>A handler that runs in the appliance's namespace; ended when disposed of.</summary>
internal sealed partial class Handler : IDisposable
{
    private const int HealthPort = 8060;
    private const int LinesKept = 20;
    private const double BytesPerMegabyte = 1 << 20;

    private static readonly TimeSpan _listensWithin = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan _endsWithin = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan _lookAgain = TimeSpan.FromMilliseconds(20);

    private readonly Process _process;
    private readonly Queue<string> _lines = [];

    private Handler(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Where it reports its health, in its own namespace.</summary>
    public IPEndPoint HealthEnd { get; } = new(IPAddress.Loopback, HealthPort);

    public int ProcessId => _process.Id;

    public bool IsAlive => !_process.HasExited;

    /// <summary>CPU time that its threads have had so far, dead ones included.</summary>
    public TimeSpan ProcessorTime => ProcessorClock.OfProcess(_process.Id);

    /// <summary>Memory that it has now.</summary>
    public double ResidentMegabytes => ResidentMemory.OfProcess(_process.Id) / BytesPerMegabyte;

    /// <summary>Starts it and waits until it listens.</summary>
    /// <returns>A handler that may be dead.</returns>
    public static Handler Start(HandlerProgram program, BenchmarkNetwork network, Hook hook, bool returnsNothing)
    {
        // ip(8) becomes the program: the process is the handler's own.
        string[] command = ["ip", "netns", "exec", network.Appliance, program.Path, "-c", hook.Path, "-r", hook.Path, "-p", $"{HealthPort}"];
        Handler handler = new(Command.Start(returnsNothing && program.HasNoReturnOption ? [.. command, "--no-return"] : command, hook.Environment));
        Stopwatch waited = Stopwatch.StartNew();
        while (handler.IsAlive && !handler.Listens() && waited.Elapsed < _listensWithin)
            Thread.Sleep(_lookAgain);
        return handler;
    }

    /// <summary>What it said last, and how it ended if it has.</summary>
    public string LastWords()
    {
        lock (_lines)
            return (IsAlive ? "" : string.Create(CultureInfo.InvariantCulture, $"ended with {_process.ExitCode} after saying: ")) + string.Join(" | ", _lines);
    }

    public void Dispose()
    {
        if (IsAlive)
        {
            _ = kill(_process.Id, Signals.SIGINT);
            if (!_process.WaitForExit(_endsWithin))
                _process.Kill(entireProcessTree: true);
        }

        _process.WaitForExit();
        _process.Dispose();
    }

    // proc_pid_net(5): of the process's own namespace.
    private bool Listens()
    {
        try
        {
            string port = string.Create(CultureInfo.InvariantCulture, $":{BenchmarkNetwork.GenevePort:X4} ");
            return File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{_process.Id}/net/udp")).Any(line => line.Contains(port, StringComparison.Ordinal));
        }
        catch (IOException)
        {
            return false; // it has just ended
        }
    }

    private void Keep(string? line)
    {
        lock (_lines)
        {
            if (line is null)
                return;
            _lines.Enqueue(line);
            if (_lines.Count > LinesKept)
                _lines.Dequeue();
        }
    }

    [LibraryImport("libc")]
    private static partial int kill(int process, int signal);
}
