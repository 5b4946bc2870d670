using System.Globalization;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Gwlbtun.Actors.Configuration;

/// <summary>The MTU of an interface on which the load balancer's packets may arrive.</summary>
/// <param name="Interface">Its name.</param>
/// <param name="Mtu">Its MTU in bytes.</param>
internal sealed record UplinkMtu(string Interface, int Mtu)
{
    /// <summary>Outer IPv4 (20) and UDP (8) headers and the Geneve header with the load balancer's options (40).</summary>
    public const int Overhead = 68;

    // Columns and flags of /proc/net/route (linux/route.h).
    private const int DestinationColumn = 1;
    private const int FlagsColumn = 3;
    private const int MaskColumn = 7;
    private const int RouteIsUp = 1;

    /// <summary>The interfaces that carry an IPv4 default route; without one, all that are up and have an IPv4 address.</summary>
    public static IReadOnlyList<UplinkMtu> Find()
    {
        IEnumerable<string> names = DefaultRoutes(File.ReadLines("/proc/net/route")).Distinct();
        if (!names.Any())
            names = NetworkInterface.GetAllNetworkInterfaces().Where(IsCandidate).Select(i => i.Name);
        return [.. names.Select(Read).OfType<UplinkMtu>()];
    }

    /// <summary>The interfaces of the default routes in a /proc/net/route.</summary>
    internal static IEnumerable<string> DefaultRoutes(IEnumerable<string> lines) =>
        from line in lines.Skip(1)
        let columns = line.Split('\t', StringSplitOptions.TrimEntries)
        where columns.Length > MaskColumn
            && columns[DestinationColumn] == "00000000"
            && columns[MaskColumn] == "00000000"
            && (int.Parse(columns[FlagsColumn], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) & RouteIsUp) != 0
        select columns[0];

    private static bool IsCandidate(NetworkInterface link) =>
        link.OperationalStatus == OperationalStatus.Up
        && link.NetworkInterfaceType != NetworkInterfaceType.Loopback
        && !link.Name.StartsWith("gwi-", StringComparison.Ordinal)
        && !link.Name.StartsWith("gwo-", StringComparison.Ordinal)
        && link.GetIPProperties().UnicastAddresses.Any(a => a.Address.AddressFamily == AddressFamily.InterNetwork);

    // /sys may be another namespace's, or not mounted: no warning then.
    private static UplinkMtu? Read(string name)
    {
        try
        {
            return new UplinkMtu(name, int.Parse(File.ReadAllText($"/sys/class/net/{name}/mtu"), CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
