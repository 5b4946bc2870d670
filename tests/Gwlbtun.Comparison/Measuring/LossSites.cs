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
/// Who says that he has dropped packets, since the run's network was made: the handler, the two ends of the link, the receive sockets on either side. To be asked
/// when packets were lost.
/// </summary>
internal static partial class LossSites
{
    // In /proc/net/dev, behind the interface's name.
    private const int ReceiveDrops = 3;
    private const int TransmitDrops = 11;

    private static readonly TimeSpan _answersWithin = TimeSpan.FromSeconds(2);

    /// <returns>Counts that are not 0.</returns>
    public static IReadOnlyDictionary<string, long> Read(BenchmarkNetwork network, Handler? handler)
    {
        Dictionary<string, long> sites = [];
        foreach ((string who, string name) in ((string, string)[])[("appliance", network.Appliance), ("load balancer", network.LoadBalancer)])
        {
            (string devices, string protocols) = NetworkNamespace.Inside(name, () => (File.ReadAllText("/proc/thread-self/net/dev"), File.ReadAllText("/proc/thread-self/net/snmp")));
            (sites[$"{who}: link, received"], sites[$"{who}: link, sent"]) = OfLink(devices, BenchmarkNetwork.Uplink);
            sites[$"{who}: receive socket"] = OfSockets(protocols);
        }

        if (handler is not null)
        {
            foreach ((string reason, long count) in OfReport(NetworkNamespace.Inside(network.Appliance, () => HealthReport(handler.HealthEnd))))
                sites[$"handler: {reason}"] = count;
        }

        return sites.Where(site => site.Value != 0).ToDictionary();
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
    private static string HealthReport(IPEndPoint end)
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
            return "";
        }
    }

    [GeneratedRegex(@"Dropped: (?<count>\d+) packets, (?<reason>\w+)")]
    private static partial Regex Drop();
}
