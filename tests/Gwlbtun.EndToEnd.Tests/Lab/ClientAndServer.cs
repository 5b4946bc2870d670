namespace Gwlbtun.EndToEnd.Tests.Lab;

/// <summary>
/// A client and a server, each behind a TUN device of the emulator (10.1.0.2 and fd01::2, 10.2.0.2 and fd02::2), and a second
/// leg of the appliance to the server (198.51.100.1 to .2, 2001:db8:51::1 to ::2) that the load balancer knows nothing of.
/// </summary>
internal sealed class ClientAndServer
{
    public const string ClientNetwork4 = "10.1.0.0/24";
    public const string ClientNetwork6 = "fd01::/64";
    public const string LegDevice = "leg";

    public static IReadOnlyList<string> BehindTheLoadBalancer { get; } = ["10.2.0.2", "fd02::2"];

    public static IReadOnlyList<string> BehindTheSecondLeg { get; } = ["198.51.100.2", "2001:db8:51::2"];

    public ClientAndServer(ApplianceLab lab)
    {
        Client = lab.AddNamespace("client");
        Server = lab.AddNamespace("server");
        ApplianceLab.Join(lab.Appliance, LegDevice, "198.51.100.1/24", Server, LegDevice, "198.51.100.2/24");
        lab.Appliance.AddAddress("2001:db8:51::1/64", LegDevice);
        Server.AddAddress("2001:db8:51::2/64", LegDevice);
    }

    public NetworkNamespace Client { get; }

    public NetworkNamespace Server { get; }

    /// <summary>Gives the emulator's devices their addresses and routes.</summary>
    public void Address()
    {
        AddressClient(Client);
        BringUp(Server, "gwlb-server", "10.2.0.2/24", "fd02::2/64");
        Server.Ip("-4", "route", "add", ClientNetwork4, "dev", "gwlb-server");
        Server.Ip("-6", "route", "add", ClientNetwork6, "dev", "gwlb-server");
    }

    /// <summary>Gives the emulator's device on a client's side its addresses and routes.</summary>
    public static void AddressClient(NetworkNamespace client)
    {
        BringUp(client, "gwlb-client", "10.1.0.2/24", "fd01::2/64");
        client.Ip("-4", "route", "add", "default", "dev", "gwlb-client");
        client.Ip("-6", "route", "add", "default", "dev", "gwlb-client");
    }

    /// <summary>Lets the server answer clients through the appliance's second leg instead of through the load balancer.</summary>
    public void AnswerThroughTheSecondLeg()
    {
        Server.Ip("-4", "route", "replace", ClientNetwork4, "via", "198.51.100.1");
        Server.Ip("-6", "route", "replace", ClientNetwork6, "via", "2001:db8:51::1");
    }

    private static void BringUp(NetworkNamespace side, string device, string address4, string address6)
    {
        side.AddAddress(address4, device);
        side.AddAddress(address6, device);
        side.Ip("link", "set", device, "up");
    }
}
