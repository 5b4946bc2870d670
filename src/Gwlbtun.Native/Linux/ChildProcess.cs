using System.Collections;
using static Gwlbtun.Native.Linux.PosixSpawn;

namespace Gwlbtun.Native.Linux;

/// <summary>How a <see cref="ChildProcess"/> ended: with an exit code or by a signal.</summary>
/// <param name="Code">The exit code, 0..255; null when a signal ended it.</param>
/// <param name="Signal">The signal's number; null when it exited.</param>
public readonly record struct ChildExit(int? Code, int? Signal)
{
    /// <summary>It exited with code 0.</summary>
    public bool IsSuccess => Code == 0;

    /// <inheritdoc/>
    public override string ToString() =>
        Code is { } code ? $"exit code {code}" : Signal is { } signal ? $"ended by signal {signal}" : "ended, its exit status taken by someone else";

    // <bits/waitstatus.h>
    internal static ChildExit FromWaitStatus(int status) =>
        (status & 0x7f) == 0 ? new((status >> 8) & 0xff, null) : new(null, status & 0x7f);
}

/// <summary>
/// A program started in a process group of its own, so that it can be ended with everything that it started. Standard input is /dev/null; standard
/// output and error arrive line by line. One thread per child waits for output and end at once; while a process that the child left
/// behind holds the output open, that thread goes on reading, long after <see cref="Exited"/>.
/// </summary>
public sealed unsafe class ChildProcess
{
    /// <summary>SIGTERM.</summary>
    public const int Terminate = 15;

    /// <summary>SIGKILL.</summary>
    public const int Kill = 9;

    /// <summary>How often the end is looked for where the kernel has no pidfd (before 5.3).</summary>
    private const int PollMillisecondsWithoutPidFd = 20;

    /// <summary>So many reads empty a pipe of 64 KiB, its default size (pipe(7)); one that goes on being filled by others must not hold us.</summary>
    private const int ReadsPerPipe = 16;

    private readonly int _output;
    private readonly int _pidFd;
    private readonly byte[] _buffer = new byte[4096];
    private readonly LineSplitter _lines;
    private readonly object _signalling = new();
    private readonly TaskCompletionSource<ChildExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private bool _signalled;
    private bool _reaped;

    private ChildProcess(int processId, int output, Action<string> onLine)
    {
        Id = processId;
        _output = output;
        _pidFd = OpenPidFd(processId);
        _lines = new LineSplitter(onLine);
    }

    /// <summary>The process ID, which is also the ID of its process group.</summary>
    public int Id { get; }

    /// <summary>
    /// Completes when the process itself has ended and what it had written by then has been handed over. Never faults.
    /// </summary>
    public Task<ChildExit> Exited => _exited.Task;

    /// <summary>Starts a program with our capabilities, environment, working directory and <paramref name="extraEnvironment"/>.</summary>
    /// <param name="file">Path of the executable; no search in PATH.</param>
    /// <param name="arguments">What follows argv[0], which is <paramref name="file"/>.</param>
    /// <param name="extraEnvironment">Added to our environment, replacing variables of the same name.</param>
    /// <param name="onLine">Called for each line of output, on a thread of the child's; a longer line than <see cref="LineSplitter.MaximumLength"/> comes in pieces.</param>
    /// <param name="network">The network namespace that it runs in; null for our own.</param>
    /// <exception cref="LinuxException">It could not be started: no such file, not executable, no memory.</exception>
    public static ChildProcess Start(
        string file,
        IReadOnlyList<string> arguments,
        IReadOnlyDictionary<string, string> extraEnvironment,
        Action<string> onLine,
        NamedNetworkNamespace? network = null)
    {
        var pipe = stackalloc int[2];
        SysResult.From(Pipe(pipe, OpenCloseOnExec)).OrThrow($"start {file}");
        var (input, output) = (pipe[0], pipe[1]);
        int processId;
        try
        {
            processId = network is null ? Spawn() : network.Run(Spawn);
        }
        catch
        {
            FileDescriptor.Close(input);
            throw;
        }
        finally
        {
            FileDescriptor.Close(output);
        }

        var child = new ChildProcess(processId, input, onLine);
        new Thread(child.Watch, maxStackSize: 256 * 1024) { IsBackground = true, Name = "gwlbtun hook" }.Start();
        return child;

        int Spawn()
        {
            AmbientCapabilities.PassOn();
            var error = PosixSpawn.Start(file, arguments, Environment(extraEnvironment), output, out var started);
            return error == 0 ? started : throw new LinuxException($"start {file}", new LinuxError(error));
        }
    }

    /// <summary>
    /// Sends a signal to the whole process group; nothing happens once the process has ended. A process that was signalled takes what is left of its
    /// group with it when it ends (SIGKILL), so that nothing of it goes on unseen.
    /// </summary>
    public void SignalGroup(int signal)
    {
        // Under the lock the process is either running or a zombie, so its ID cannot have passed to a stranger.
        lock (_signalling)
        {
            if (_reaped)
                return;
            _signalled = true;
            _ = PosixSpawn.Kill(-Id, signal);
        }
    }

    private static IEnumerable<string> Environment(IReadOnlyDictionary<string, string> extra)
    {
        foreach (DictionaryEntry variable in System.Environment.GetEnvironmentVariables())
        {
            if (!extra.ContainsKey((string)variable.Key))
                yield return $"{variable.Key}={variable.Value}";
        }
        foreach (var (name, value) in extra)
            yield return $"{name}={value}";
    }

    private void Watch()
    {
        const int end = 0, output = 1;
        var descriptors = stackalloc PollDescriptor[2];
        descriptors[end] = new() { Fd = _pidFd, Events = PollIn };
        descriptors[output] = new() { Fd = _output, Events = PollIn };
        var running = true;
        while (running || descriptors[output].Fd >= 0)
        {
            // A negative descriptor is skipped by poll.
            var ready = Poll(descriptors, 2, running && _pidFd < 0 ? PollMillisecondsWithoutPidFd : -1);
            if (ready < 0)
                continue; // EINTR: nothing else can happen to two valid descriptors

            var exit = running ? TryReap() : null;
            // After the end, what is in the pipe by now is what the process wrote: it belongs before Exited.
            if ((descriptors[output].ReturnedEvents != 0 || exit is not null) && descriptors[output].Fd >= 0 && !ReadOutput(exit is null ? 1 : ReadsPerPipe))
                descriptors[output].Fd = -1;
            if (exit is { } status)
            {
                running = false;
                descriptors[end].Fd = -1;
                if (_pidFd >= 0)
                    FileDescriptor.Close(_pidFd);
                _lines.Flush();
                _exited.SetResult(status);
            }
        }
        _lines.Flush();
        FileDescriptor.Close(_output);
    }

    private ChildExit? TryReap()
    {
        lock (_signalling)
        {
            var result = SysResult.From(WaitProcess(Id, out var status, WaitNoHang));
            if (result.Value == 0)
                return null;
            _reaped = true;
            // The group's ID cannot pass to a stranger while a member lives, and Linux hands IDs out in turn: an empty group is not a stranger's yet.
            if (_signalled)
                _ = PosixSpawn.Kill(-Id, Kill);
            return !result.IsError ? ChildExit.FromWaitStatus(status) : default(ChildExit);
        }
    }

    /// <summary>Reads what is there, at most so often, without ever waiting for more.</summary>
    /// <returns>False at the end of the output.</returns>
    private bool ReadOutput(int times)
    {
        var descriptor = new PollDescriptor { Fd = _output, Events = PollIn };
        fixed (byte* buffer = _buffer)
        {
            for (; times > 0 && Poll(&descriptor, 1, 0) > 0; times--)
            {
                var length = FileDescriptor.Read(_output, buffer, _buffer.Length);
                if (length.Value <= 0)
                    return false;
                _lines.Add(_buffer.AsSpan(0, length.Value));
            }
        }
        return true;
    }
}
