using System.Runtime.InteropServices;
using System.Text;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// posix_spawn(3), waitpid(2), poll(2), pidfd_open(2) and kill(2) as <see cref="ChildProcess"/> needs them. <c>System.Diagnostics.Process</c> cannot
/// put a child into a process group of its own, and hooks must be ended with everything that they started.
/// </summary>
internal static unsafe partial class PosixSpawn
{
    // <spawn.h>, <poll.h>, <sys/wait.h>, <fcntl.h>, <sys/syscall.h>: the same on x86-64 and arm64, checked against the headers by a test.
    internal const short SetProcessGroup = 0x02;
    internal const short SetSignalDefault = 0x04;
    internal const short SetSignalMask = 0x08;
    internal const short PollIn = 0x01;
    internal const int WaitNoHang = 1;
    internal const int OpenCloseOnExec = 0x80000;
    internal const int PidFdOpen = 434;

    /// <summary>Room for the C library's opaque posix_spawnattr_t (336 bytes in glibc and musl) and posix_spawn_file_actions_t (80).</summary>
    internal const int OpaqueSize = 512;

    private const int SignalSetSize = 128;

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct PollDescriptor
    {
        public int Fd;
        public short Events;
        public short ReturnedEvents;
    }

    /// <summary>
    /// Starts <paramref name="file"/> in a process group of its own with every signal at its default, standard input from /dev/null, standard
    /// output and error into <paramref name="outputFd"/>, and no other descriptor (all of ours are close-on-exec).
    /// </summary>
    /// <returns>0 or an errno value: posix_spawn reports even a failing exec to its caller.</returns>
    internal static int Start(string file, IReadOnlyList<string> arguments, IEnumerable<string> environment, int outputFd, out int processId)
    {
        byte* actions = stackalloc byte[OpaqueSize];
        byte* attributes = stackalloc byte[OpaqueSize];
        byte* allSignals = stackalloc byte[SignalSetSize];
        byte* noSignals = stackalloc byte[SignalSetSize];
        NativeMemory.Clear(noSignals, SignalSetSize);
        FillSignalSet(allSignals);

        processId = 0;
        var error = InitializeFileActions(actions);
        if (error != 0)
            return error;
        error = InitializeAttributes(attributes);
        if (error != 0)
        {
            DestroyFileActions(actions);
            return error;
        }
        try
        {
            // The runtime ignores SIGPIPE, which a child would inherit: "yes | head -1" in a hook would then never end.
            Check(AddOpen(actions, 0, "/dev/null", 0, 0), ref error);
            Check(AddDuplicate(actions, outputFd, 1), ref error);
            Check(AddDuplicate(actions, outputFd, 2), ref error);
            Check(SetFlags(attributes, SetProcessGroup | SetSignalDefault | SetSignalMask), ref error);
            Check(SetGroup(attributes, 0), ref error);
            Check(SetDefaultSignals(attributes, allSignals), ref error);
            Check(SetMask(attributes, noSignals), ref error);
            if (error != 0)
                return error;

            using var argv = new StringVector([file, .. arguments]);
            using var envp = new StringVector(environment);
            return Spawn(out processId, file, actions, attributes, argv.Pointer, envp.Pointer);
        }
        finally
        {
            DestroyAttributes(attributes);
            DestroyFileActions(actions);
        }

        static void Check(int result, ref int error)
        {
            if (error == 0)
                error = result;
        }
    }

    /// <summary>A descriptor that polls readable when the process has ended, or -1 where the kernel has none (before 5.3).</summary>
    internal static int OpenPidFd(int processId) => (int)SystemCall(PidFdOpen, processId, 0);

    [LibraryImport("libc", EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Spawn(out int processId, string file, byte* actions, byte* attributes, byte** argv, byte** envp);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int InitializeFileActions(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static partial void DestroyFileActions(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addopen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int AddOpen(byte* actions, int fd, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    private static partial int AddDuplicate(byte* actions, int fd, int newFd);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static partial int InitializeAttributes(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    private static partial void DestroyAttributes(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static partial int SetFlags(byte* attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setpgroup")]
    private static partial int SetGroup(byte* attributes, int processGroup);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    private static partial int SetDefaultSignals(byte* attributes, byte* signals);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    private static partial int SetMask(byte* attributes, byte* signals);

    [LibraryImport("libc", EntryPoint = "sigfillset")]
    private static partial void FillSignalSet(byte* signals);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint SystemCall(nint number, nint first, nint second);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    internal static partial int WaitProcess(int processId, out int status, int options);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    internal static partial int Kill(int processId, int signal);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    internal static partial int Poll(PollDescriptor* descriptors, nuint count, int timeoutMilliseconds);

    [LibraryImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    internal static partial int Pipe(int* descriptors, int flags);

    /// <summary>A null-terminated array of C strings, as exec takes them.</summary>
    private sealed class StringVector : IDisposable
    {
        private readonly int _count;

        public StringVector(IEnumerable<string> values)
        {
            var strings = values.ToArray();
            _count = strings.Length;
            Pointer = (byte**)NativeMemory.AllocZeroed((nuint)(_count + 1), (nuint)sizeof(byte*));
            for (var i = 0; i < _count; i++)
            {
                var length = Encoding.UTF8.GetByteCount(strings[i]);
                Pointer[i] = (byte*)NativeMemory.Alloc((nuint)length + 1);
                Encoding.UTF8.GetBytes(strings[i], new Span<byte>(Pointer[i], length));
                Pointer[i][length] = 0;
            }
        }

        public byte** Pointer { get; }

        public void Dispose()
        {
            for (var i = 0; i < _count; i++)
                NativeMemory.Free(Pointer[i]);
            NativeMemory.Free(Pointer);
        }
    }
}
