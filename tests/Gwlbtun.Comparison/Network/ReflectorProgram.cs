using Gwlbtun.Shared;

namespace Gwlbtun.Comparison.Network;

/// <summary>The BPF program that returns packets with no handler: compiled once, attached with tc.</summary>
internal sealed class ReflectorProgram
{
    private readonly string _object;

    private ReflectorProgram(string compiled) => _object = compiled;

    /// <summary>Compiles the program.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="reason">Why there is none; null when there is.</param>
    public static ReflectorProgram? TryCompile(string folder, out string? reason)
    {
        string compiled = Path.Combine(folder, "reflect.o");
        // Debian and Ubuntu keep asm/types.h in the folder of the machine's own kind.
        string[] folders = [.. Directory.GetDirectories("/usr/include", "*-linux-gnu").SelectMany(include => (string[])["-I", include])];
        try
        {
            Command.Run(["clang", "-O2", "-target", "bpf", .. folders, "-c", Path.Combine(AppContext.BaseDirectory, "reflect.bpf.c"), "-o", compiled]);
            reason = null;
            return new ReflectorProgram(compiled);
        }
        catch (InvalidOperationException e)
        {
            reason = e.Message;
            return null;
        }
    }

    /// <summary>Attaches a section of it to what comes in on a device.</summary>
    /// <exception cref="InvalidOperationException">The kernel does not take it.</exception>
    public void Attach(string networkNamespace, string device, string section)
    {
        Command.Run("tc", "-n", networkNamespace, "qdisc", "add", "dev", device, "clsact");
        Command.Run("tc", "-n", networkNamespace, "filter", "add", "dev", device, "ingress", "bpf", "da", "obj", _object, "sec", section);
    }
}
