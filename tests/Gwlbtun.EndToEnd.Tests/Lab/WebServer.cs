using System.Security.Cryptography;
using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.EndToEnd.Tests.Lab;

/// <summary>A web server with one large file, on all addresses of its namespace, and the curl that fetches it.</summary>
internal sealed class WebServer
{
    private const int FileLength = 20_000_000;

    private readonly string _folder;
    private readonly byte[] _hash;

    private WebServer(string folder, byte[] hash, RunningProgram program)
    {
        _folder = folder;
        _hash = hash;
        Program = program;
    }

    public RunningProgram Program { get; }

    /// <summary>Starts it, with its files below <paramref name="folder"/>; returns when it serves.</summary>
    public static async Task<WebServer> StartAsync(NetworkNamespace network, string folder)
    {
        var file = RandomNumberGenerator.GetBytes(FileLength);
        var root = Directory.CreateDirectory(Path.Combine(folder, "www")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(root, "file"), file);
        var program = RunningProgram.Start(["ip", "netns", "exec", network.Name, "python3", "-u", "-m", "http.server", "--bind", "::", "--directory", root, "8000"]);
        await program.WaitForLineAsync("Serving HTTP");
        return new WebServer(folder, SHA256.HashData(file), program);
    }

    /// <summary>Has curl fetch the file, and asserts that it is the one.</summary>
    public async Task FetchAsync(NetworkNamespace client, string address, params string[] arguments)
    {
        var copy = Path.Combine(_folder, $"copy-{client.Name}");
        await using var curl = Curl(client, address, "file", ["--fail", "-o", copy, .. arguments]);
        var code = await curl.WaitForExitAsync(2 * Wait.Patience);
        Assert.True(code == 0, $"curl ended with {code}:\n{curl.Log}");
        Assert.Equal(_hash, SHA256.HashData(await File.ReadAllBytesAsync(copy)));
    }

    /// <summary>Starts a curl for any path.</summary>
    public static RunningProgram Curl(NetworkNamespace client, string address, string path, params string[] arguments)
    {
        var host = address.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : address;
        return RunningProgram.Start(["ip", "netns", "exec", client.Name, "curl", "-sS", "--max-time", "60", .. arguments, $"http://{host}:8000/{path}"]);
    }
}
