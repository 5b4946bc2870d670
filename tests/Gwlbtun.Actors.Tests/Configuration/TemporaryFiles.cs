namespace Gwlbtun.Actors.Tests.Configuration;

/// <summary>A directory that is gone after the test.</summary>
internal sealed class TemporaryFiles : IDisposable
{
    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("gwlbtun-test-").FullName;

    public string Write(string name, string text, bool executable = false)
    {
        string path = Path.Combine(Directory, name);
        File.WriteAllText(path, text);
        if (executable)
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);
}
