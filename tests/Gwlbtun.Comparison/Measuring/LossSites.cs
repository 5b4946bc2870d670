using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Gwlbtun.Comparison.Handlers;
using Gwlbtun.Comparison.Network;
using Gwlbtun.Emulator.Network;

namespace Gwlbtun.Comparison.Measuring;

/// <summary>
/// Who says that he has dropped packets in a while: the handler, the two ends of the link, the receive sockets on either side. To be asked when packets were lost.
/// Of the C++ handler there are no lines <c>handler:</c>, whatever it has dropped: its report does not say.
/// </summary>
internal sealed partial class LossSites
{
    // In /proc/net/dev, behind the interface's name.
    private const int ReceiveDrops = 3;
    private const int TransmitDrops = 11;

    private static readonly TimeSpan _answersWithin = TimeSpan.FromSeconds(2);

    private readonly BenchmarkNetwork _network;
    private readonly Handler? _handler;
    private readonly Dictionary<string, long> _before;

    private LossSites(BenchmarkNetwork network, Handler? handler)
    {
        _network = network;
        _before = OfKernel();
        // What has not said how much it had dropped before cannot say how much it has dropped since.
        if (handler is not null && Report(handler) is { } report)
        {
            _handler = handler;
            Add(report, _before);
        }
    }

    /// <summary>The while begins: what is dropped before, while endpoints are reached and warmed up, was not lost in it.</summary>
    public static LossSites Begin(BenchmarkNetwork network, Handler? handler) => new(network, handler);

    /// <returns>Counts since it began that are not 0.</returns>
    public IReadOnlyDictionary<string, long> Read()
    {
        Dictionary<string, long> now = OfKernel();
        if (_handler is not null && Report(_handler) is { } report)
            Add(report, now);
        return Since(_before, now);
    }

    internal static IReadOnlyDictionary<string, long> Since(IReadOnlyDictionary<string, long> before, IReadOnlyDictionary<string, long> now) =>
        now.ToDictionary(site => site.Key, site => site.Value - before.GetValueOrDefault(site.Key)).Where(site => site.Value != 0).ToDictionary();

    private static void Add(string report, Dictionary<string, long> sites)
    {
        foreach ((string reason, long count) in OfReport(report))
            sites[$"handler: {reason}"] = count;
    }

    private string? Report(Handler handler) => NetworkNamespace.Inside(_network.Appliance, () => HealthReport(handler.HealthEnd));

    private Dictionary<string, long> OfKernel()
    {
        Dictionary<string, long> sites = [];
        foreach ((string who, string name) in ((string, string)[])[("appliance", _network.Appliance), ("load balancer", _network.LoadBalancer)])
        {
            (string devices, string protocols) = NetworkNamespace.Inside(name, () => (File.ReadAllText("/proc/thread-self/net/dev"), File.ReadAllText("/proc/thread-self/net/snmp")));
            (sites[$"{who}: link, received"], sites[$"{who}: link, sent"]) = OfLink(devices, BenchmarkNetwork.Uplink);
            sites[$"{who}: receive socket"] = OfSockets(protocols);
        }

        return sites;
    }

    internal static (long Received, long Sent) OfLink(string devices, string name)
    {
        string? line = devices.Split('\n').Select(line => line.Trim()).FirstOrDefault(line => line.StartsWith(name + ':', StringComparison.Ordinal));
        long[] counts = [.. (line ?? "").Split(':')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse)];
        return counts.Length > TransmitDrops ? (counts[ReceiveDrops], counts[TransmitDrops]) : (0, 0);
    }

    internal static long OfSockets(string protocols)
    {
        string[][] udp = [.. protocols.Split('\n').Where(line => line.StartsWith("Udp: ", StringComparison.Ordinal)).Select(line => line.Split(' '))];
        return udp.Length == 2 && Array.IndexOf(udp[0], "RcvbufErrors") is >= 0 and var column ? long.Parse(udp[1][column], CultureInfo.InvariantCulture) : 0;
    }

    // What the kernel says by itself is no loss.
    internal static IEnumerable<(string Reason, long Count)> OfReport(string report) =>
        from Match drop in Drop().Matches(report)
        let reason = drop.Groups["reason"].Value
        where reason != "kernelChatter"
        group long.Parse(drop.Groups["count"].Value, CultureInfo.InvariantCulture) by reason into ofReason
        select (ofReason.Key, ofReason.Sum());

    // By hand: a client that connects on another thread would do so in another namespace.
    private static string? HealthReport(IPEndPoint end)
    {
        try
        {
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = (int)_answersWithin.TotalMilliseconds };
            socket.Connect(end);
            socket.Send("GET / HTTP/1.0\r\n\r\n"u8);
            using StreamReader reader = new(new NetworkStream(socket), Encoding.UTF8);
            return reader.ReadToEnd();
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"Dropped: (?<count>\d+) packets, (?<reason>\w+)")]
    private static partial Regex Drop();
}
