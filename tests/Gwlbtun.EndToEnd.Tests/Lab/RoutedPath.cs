using System.Net;
using System.Net.Sockets;

namespace Gwlbtun.EndToEnd.Tests.Lab;

/// <summary>
/// A client behind the load balancer, and a server behind the appliance, a router and a narrow link:
/// <c>client 10.1.0.2 ── load balancer ── appliance 198.51.100.1 ── 198.51.100.2 router 203.0.113.1 ── MTU 1400 ── 203.0.113.2 server</c>.
/// Nobody limits the rate of ICMP errors.
/// </summary>
internal sealed class RoutedPath
{
    public const string LegDevice = "leg";
    public const string NarrowDevice = "narrow";
    public const int NarrowMtu = 1400;
    public const string ClientNetwork4 = "10.1.0.0/24";
    public const string ClientNetwork6 = "fd01::/64";

    private static readonly string[] _sysctls =
    [
        "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0",
    ];

    public RoutedPath(ApplianceLab lab)
    {
        Client = lab.AddNamespace("client");
        Router = lab.AddNamespace("router");
        Server = lab.AddNamespace("server");
        ApplianceLab.Join(lab.Appliance, LegDevice, "198.51.100.1/24", Router, LegDevice, "198.51.100.2/24");
        lab.Appliance.AddAddress("2001:db8:51::1/64", LegDevice);
        Router.AddAddress("2001:db8:51::2/64", LegDevice);
        ApplianceLab.Join(Router, NarrowDevice, "203.0.113.1/24", Server, NarrowDevice, "203.0.113.2/24");
        Router.AddAddress("2001:db8:71::1/64", NarrowDevice);
        Server.AddAddress("2001:db8:71::2/64", NarrowDevice);
        foreach (var network in new[] { Router, Server })
            network.Ip("link", "set", NarrowDevice, "mtu", $"{NarrowMtu}");

        lab.Appliance.Ip("route", "add", "203.0.113.0/24", "via", "198.51.100.2");
        lab.Appliance.Ip("route", "add", "2001:db8:71::/64", "via", "2001:db8:51::2");
        Router.Ip("route", "add", "default", "via", "198.51.100.1");
        Router.Ip("-6", "route", "add", "default", "via", "2001:db8:51::1");
        Server.Ip("route", "add", "default", "via", "203.0.113.1");
        Server.Ip("-6", "route", "add", "default", "via", "2001:db8:71::1");
        foreach (var network in new[] { lab.Appliance, Router, Server })
            network.Execute(["sysctl", "-qw", .. _sysctls]);
        // IPv6 neighbours that have just come up may miss the first question, and ask again after a second.
        foreach (var v6 in new[] { false, true })
            lab.Appliance.Execute("sh", "-c", $"for n in $(seq 60); do ping -q -c 1 -W 1 {ServerAddress(v6)} && exit; done; exit 1");
    }

    public NetworkNamespace Client { get; }

    public NetworkNamespace Router { get; }

    public NetworkNamespace Server { get; }

    public static IPAddress ServerAddress(bool v6) => IPAddress.Parse(v6 ? "2001:db8:71::2" : "203.0.113.2");

    public static string RouterAddress(bool v6) => v6 ? "2001:db8:51::2" : "198.51.100.2";

    /// <summary>The address that the appliance has for the rest of the world.</summary>
    public static IReadOnlyList<string> ApplianceAddresses(bool v6) => v6 ? ["2001:db8:51::1"] : ["198.51.100.1", "10.77.0.2"];

    /// <summary>Gives the emulator's device in the client's namespace its addresses and routes.</summary>
    public void Address()
    {
        Client.AddAddress("10.1.0.2/24", "gwlb-client");
        Client.AddAddress("fd01::2/64", "gwlb-client");
        Client.Ip("link", "set", "gwlb-client", "up");
        Client.Ip("-4", "route", "add", "default", "dev", "gwlb-client");
        Client.Ip("-6", "route", "add", "default", "dev", "gwlb-client");
    }

    /// <summary>Sends so many bytes from the client to the server over TCP; returns what arrived.</summary>
    public async Task<byte[]> SendAsync(bool v6, byte[] data, CancellationToken stop)
    {
        var family = v6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
        using var listener = Server.Enter(() => new Socket(family, SocketType.Stream, ProtocolType.Tcp));
        listener.Bind(new IPEndPoint(ServerAddress(v6), 7000));
        listener.Listen();
        using var sender = Client.Enter(() => new Socket(family, SocketType.Stream, ProtocolType.Tcp));
        await sender.ConnectAsync(ServerAddress(v6), 7000, stop);
        using var receiver = await listener.AcceptAsync(stop);
        var sending = Task.Run(
            async () =>
            {
                for (var sent = 0; sent < data.Length;)
                    sent += await sender.SendAsync(data.AsMemory(sent), SocketFlags.None, stop);
                sender.Shutdown(SocketShutdown.Send);
            },
            stop);
        using var received = new MemoryStream();
        var buffer = new byte[1 << 16];
        for (var length = await receiver.ReceiveAsync(buffer, stop); length > 0; length = await receiver.ReceiveAsync(buffer, stop))
            received.Write(buffer, 0, length);
        await sending;
        return received.ToArray();
    }
}
