using System.Collections.Concurrent;
using System.Net;
using Gwlbtun.Emulator.LoadBalancing;

namespace Gwlbtun.Emulator.Fleet;

/// <summary>What an operator says while a run goes on, a line each: <c>register ADDRESS</c>, <c>deregister ADDRESS</c>, <c>phase NAME</c>.</summary>
internal sealed class FleetCommands
{
    public const string Syntax = "register ADDRESS, deregister ADDRESS, phase NAME";

    private readonly ConcurrentQueue<string> _lines = [];
    private readonly TargetGroup _targets;
    private readonly FleetLedger _ledger;
    private readonly TextWriter _output;

    /// <param name="input">Read to its end, or the process's, on a thread of its own.</param>
    /// <param name="targets">What is registered and deregistered.</param>
    /// <param name="ledger">What has phases.</param>
    /// <param name="output">Where each command is confirmed.</param>
    public FleetCommands(TextReader input, TargetGroup targets, FleetLedger ledger, TextWriter output)
    {
        _targets = targets;
        _ledger = ledger;
        _output = output;
        new Thread(() => ReadAll(input)) { IsBackground = true, Name = "commands" }.Start();
    }

    /// <summary>Does what was said since the last time.</summary>
    public void Apply(long nowMs, long nextPacket)
    {
        while (_lines.TryDequeue(out string? line))
            _output.WriteLine(Apply(line.Split(' ', 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), nowMs, nextPacket) ? line : $"'{line}' is none of: {Syntax}");
    }

    private void ReadAll(TextReader input)
    {
        while (input.ReadLine() is { } line)
            _lines.Enqueue(line);
    }

    private bool Apply(string[] words, long nowMs, long nextPacket)
    {
        switch (words)
        {
            case ["phase", var name]:
                _ledger.Begin(name, nextPacket);
                return true;
            case ["register", var address] when Find(address) is { } target:
                target.Register();
                return true;
            case ["deregister", var address] when Find(address) is { } target:
                target.Deregister(nowMs);
                return true;
            default:
                return false;
        }
    }

    private Target? Find(string address) => IPAddress.TryParse(address, out IPAddress? parsed) ? _targets.Find(parsed) : null;
}
