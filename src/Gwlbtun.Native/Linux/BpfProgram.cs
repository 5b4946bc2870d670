using System.Runtime.InteropServices;
using System.Text;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// An eBPF program in the kernel (<c>bpf(2)</c>), of the type that sees packets only (BPF_PROG_TYPE_SOCKET_FILTER). Needs CAP_BPF, or CAP_SYS_ADMIN before Linux 5.8,
/// or a kernel with unprivileged BPF. Stays loaded while it is attached somewhere.
/// </summary>
internal sealed unsafe partial class BpfProgram : IDisposable
{
    internal const int ProgramLoad = 5; // BPF_PROG_LOAD
    internal const int SocketFilter = 1; // BPF_PROG_TYPE_SOCKET_FILTER

    // The number of bpf(2), for which the C library has no function: on x86-64, and on arm64 and all later architectures.
    private static readonly long _systemCall = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 321 : 280;

    private int _fd;

    private BpfProgram(int fd) => _fd = fd;

    public int Handle => _fd;

    /// <summary>Loads a program, or says why not: EPERM without the capability, EINVAL when the kernel's verifier refuses it.</summary>
    public static BpfProgram? TryLoad(ReadOnlySpan<BpfInstruction> instructions, out LinuxError error)
    {
        var license = stackalloc byte[8];
        Encoding.ASCII.GetBytes("GPL", new Span<byte>(license, 8));
        fixed (BpfInstruction* first = instructions)
        {
            var load = new BpfLoad { Type = SocketFilter, InstructionCount = (uint)instructions.Length, Instructions = (ulong)first, License = (ulong)license };
            var loaded = SysResult.From((nint)syscall(_systemCall, ProgramLoad, &load, sizeof(BpfLoad)));
            error = loaded.Error;
            return loaded.IsError ? null : new(loaded.Value);
        }
    }

    public void Dispose()
    {
        var fd = Interlocked.Exchange(ref _fd, -1);
        if (fd >= 0)
            FileDescriptor.Close(fd);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial long syscall(long number, long command, BpfLoad* load, long size);
}

/// <summary>The part of <c>union bpf_attr</c> (linux/bpf.h) that BPF_PROG_LOAD has had since it exists.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BpfLoad
{
    public uint Type;
    public uint InstructionCount;
    public ulong Instructions;
    public ulong License;
    public uint LogLevel;
    public uint LogSize;
    public ulong LogBuffer;
    public uint KernelVersion;
    public uint Flags;
}
