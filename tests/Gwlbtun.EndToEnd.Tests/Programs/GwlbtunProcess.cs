using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.EndToEnd.Tests.Programs;

/// <summary>The published gwlbtun, running in the appliance's namespace with its health port open.</summary>
internal sealed class GwlbtunProcess : IAsyncDisposable
{
    public const int HealthPort = 8060;

    private readonly NetworkNamespace _network;

    private GwlbtunProcess(NetworkNamespace network, RunningProgram program)
    {
        _network = network;
        Program = program;
    }

    public RunningProgram Program { get; }

    /// <summary>Starts it without waiting; <paramref name="wrapper"/> is a command that executes what follows it.</summary>
    public static GwlbtunProcess Launch(
        NetworkNamespace network, string[] arguments, IReadOnlyDictionary<string, string>? environment = null, string[]? wrapper = null)
    {
        string[] health = arguments.Any(argument => argument.StartsWith("-p", StringComparison.Ordinal)) ? [] : ["-p", $"{HealthPort}"];
        string[] command = ["ip", "netns", "exec", network.Name, .. wrapper ?? [], Artifacts.Gwlbtun, .. health, .. arguments];
        return new GwlbtunProcess(network, RunningProgram.Start(command, environment));
    }

    /// <summary>A running one that something else has started, in this namespace and with the health port open.</summary>
    public static GwlbtunProcess Of(NetworkNamespace network, RunningProgram program) => new(network, program);

    /// <summary>Waits for the line that says so; throws with its log when that does not come.</summary>
    public Task WaitUntilReadyAsync() => Program.WaitForLineAsync(@"\bready\b");

    /// <summary>Asks the health port; throws when nothing answers.</summary>
    /// <remarks>Asks again when the machine did not let the handler say how it is, for which the health port waits no longer than a second.</remarks>
    public async Task<(HttpStatusCode Status, string Body, string? CacheControl)> GetHealthAsync(string host = "127.0.0.1", string path = "/")
    {
        var start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var answer = await AskAsync(host, path);
            if (!answer.Body.Contains("did not report its state", StringComparison.Ordinal) || TimeProvider.System.GetElapsedTime(start) > Wait.Patience)
                return answer;
        }
    }

    private async Task<(HttpStatusCode Status, string Body, string? CacheControl)> AskAsync(string host, string path)
    {
        using var handler = new SocketsHttpHandler { UseProxy = false };
        handler.ConnectCallback = async (context, cancellation) =>
        {
            var address = IPAddress.Parse(host);
            var socket = _network.Enter(() => new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
            await socket.ConnectAsync(address, context.DnsEndPoint.Port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        };
        using var client = new HttpClient(handler) { Timeout = Wait.Patience };
        using var response = await client.GetAsync(new Uri($"http://appliance:{HealthPort}{path}"));
        return (response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers.CacheControl?.ToString());
    }

    /// <summary>The health report of a gwlbtun started with -j.</summary>
    public async Task<JsonElement> GetReportAsync() => JsonDocument.Parse((await GetHealthAsync()).Body).RootElement;

    /// <summary>Asks for the report again and again until it says so; returns it.</summary>
    public async Task<JsonElement> WaitForReportAsync(Predicate<JsonElement> condition)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var report = await GetReportAsync();
            if (condition(report))
                return report;
            if (TimeProvider.System.GetElapsedTime(start) > Wait.Patience)
                throw new TimeoutException($"The report does not come to say what is expected: {report}");
            await Task.Delay(20);
        }
    }

    /// <summary>Asks for health again and again until it has this status; returns how long that took.</summary>
    public async Task<TimeSpan> WaitForHealthAsync(HttpStatusCode status)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var current = (await GetHealthAsync()).Status;
            var elapsed = TimeProvider.System.GetElapsedTime(start);
            if (current == status)
                return elapsed;
            if (elapsed > Wait.Patience)
                throw new TimeoutException($"Health was {current}, not {status}, for {elapsed}:\n{Program.Log}");
            await Task.Delay(20);
        }
    }

    /// <summary>Sends the signal and asserts that it ends well.</summary>
    public async Task StopAsync(int signal = Signals.Terminate, TimeSpan? within = null)
    {
        Program.Signal(signal);
        var code = await Program.WaitForExitAsync(within);
        Assert.True(code == 0, $"gwlbtun ended with {code}:\n{Program.Log}");
    }

    /// <summary>Memory that it takes, as the kernel counts it (VmRSS).</summary>
    public long ResidentBytes
    {
        get
        {
            var line = File.ReadLines($"/proc/{Program.Id}/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
            return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2]) * 1024;
        }
    }

    /// <summary>The names of its threads, as ps shows them.</summary>
    public IReadOnlyList<string> ThreadNames() =>
        [.. Directory.GetDirectories($"/proc/{Program.Id}/task").Select(task => File.ReadAllText($"{task}/comm").TrimEnd()).Order(StringComparer.Ordinal)];

    /// <summary>The cores that the thread of this name may run on, as the kernel writes them.</summary>
    public string AllowedCores(string threadName)
    {
        var task = Directory.GetDirectories($"/proc/{Program.Id}/task").Single(task => File.ReadAllText($"{task}/comm").TrimEnd() == threadName);
        return File.ReadLines($"{task}/status").Single(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)).Split('\t')[1];
    }

    public ValueTask DisposeAsync() => Program.DisposeAsync();
}
