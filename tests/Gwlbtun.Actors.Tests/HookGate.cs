using System.Diagnostics;

namespace Gwlbtun.Actors.Tests;

/// <summary>A named pipe that hooks wait at until it is opened: <c>read go &lt; path</c>. Each opening lets one pass.</summary>
internal sealed class HookGate : IDisposable
{
    public HookGate()
    {
        using var mkfifo = Process.Start("mkfifo", Path);
        mkfifo.WaitForExit();
    }

    public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), System.IO.Path.GetRandomFileName());

    public void Open() => File.WriteAllText(Path, "go\n");

    public void Dispose() => File.Delete(Path);
}
