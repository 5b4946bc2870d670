using System.Net;
using Gwlbtun.Shared;

namespace Gwlbtun.Comparison.Network;

/// <summary>
/// The network of one run, removed when disposed of: the load balancer's namespace and the appliance's, joined by a veth as in a VPC, and for
/// NAT a server's behind a second one.
/// </summary>
internal sealed class BenchmarkNetwork : IDisposable
{
    public const int GenevePort = 6081;

    /// <summary>The appliance's second leg.</summary>
    public const string Leg = "leg";

    /// <summary>Both ends of the link between load balancer and appliance.</summary>
    public const string Uplink = "uplink";

    private const string Mtu = "9001"; // of a VPC
    private const string LegAddress = "198.51.100.1/24";
    private const string ServerAddress = "198.51.100.2";

    private readonly Topology _topology;

    /// <param name="prefix">Of the namespaces' names; nobody else's.</param>
    /// <param name="topology">What the links offload.</param>
    public BenchmarkNetwork(string prefix, Topology topology)
    {
        _topology = topology;
        LoadBalancer = prefix + "-gwlb";
        Appliance = prefix + "-appl";
        Client = prefix + "-client";
        Server = prefix + "-server";
        try
        {
            Add(LoadBalancer);
            Add(Appliance);
            Join(LoadBalancer, "10.77.0.1/24", "10.77.0.2/24", Uplink);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public static IPEndPoint LoadBalancerEnd { get; } = new(IPAddress.Parse("10.77.0.1"), GenevePort);

    public static IPEndPoint ApplianceEnd { get; } = new(IPAddress.Parse("10.77.0.2"), GenevePort);

    /// <summary>The load balancer's namespace.</summary>
    public string LoadBalancer { get; }

    /// <summary>The appliance's namespace.</summary>
    public string Appliance { get; }

    /// <summary>The client's namespace, where there is one.</summary>
    public string Client { get; }

    /// <summary>The server's namespace, where there is one.</summary>
    public string Server { get; }

    /// <summary>Lets the appliance's end of the uplink return every Geneve packet, without a handler.</summary>
    public void AttachFloor(ReflectorProgram reflector) => reflector.Attach(Appliance, Uplink, "reflect");

    /// <summary>Adds a server that echoes, on a second leg that the appliance's default route goes to.</summary>
    public void AddServer(ReflectorProgram reflector)
    {
        Add(Server);
        Join(Server, ServerAddress + "/24", LegAddress, Leg);
        Command.Run("ip", "-n", Appliance, "route", "add", "default", "via", ServerAddress, "dev", Leg);
        reflector.Attach(Server, Leg, "echo");
    }

    /// <summary>Adds namespaces for programs on both sides of the load balancer, with nothing in them.</summary>
    public void AddEnds()
    {
        Add(Client);
        Add(Server);
    }

    public void Dispose()
    {
        foreach (string name in (string[])[LoadBalancer, Appliance, Client, Server])
            Remove(name);
    }

    private static void Add(string name)
    {
        Command.Run("ip", "netns", "add", name);
        Command.Run("ip", "-n", name, "link", "set", "lo", "up");
    }

    private static void Remove(string name)
    {
        // Not one there to begin with is as good as one removed.
        if (File.Exists("/run/netns/" + name))
            Command.Try("ip", "netns", "del", name);
    }

    private void Join(string left, string leftAddress, string applianceAddress, string device)
    {
        Command.Run("ip", "-n", left, "link", "add", device, "mtu", Mtu, "type", "veth", "peer", "name", device, "mtu", Mtu, "netns", Appliance);
        foreach ((string name, string address) in ((string, string)[])[(left, leftAddress), (Appliance, applianceAddress)])
        {
            Command.Run("ip", "-n", name, "addr", "add", address, "dev", device);
            Command.Run("ip", "-n", name, "link", "set", device, "up");
            Command.Run("ip", "netns", "exec", name, "ethtool", "-K", device, "gro", "on");
            if (_topology == Topology.Nic)
                Command.Run("ip", "netns", "exec", name, "ethtool", "-K", device, "tx-udp-segmentation", "off", "tso", "off", "gso", "off");
        }

        // As a card merges them on their way in. Kernels before 5.13 cannot.
        Command.Try("ip", "netns", "exec", Appliance, "ethtool", "-K", device, "rx-udp-gro-forwarding", "on");
    }
}
