using System.Net;
using System.Net.Sockets;
using Gwlbtun.Emulator.Bridging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Emulator.Network;

namespace Gwlbtun.Emulator.Tests;

/// <summary>Client, load balancer, appliance and server.</summary>
internal sealed class BridgeLab : IDisposable
{
    private static readonly IPAddress _appliance = IPAddress.Parse("127.0.0.2");

    private readonly Reflector _reflector;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;

    public BridgeLab(Func<Reply, int, IEnumerable<Reply>>? play = null)
    {
        LoadBalancerOptions options = new() { Appliances = [_appliance], Local = IPAddress.Loopback };
        _reflector = new Reflector(_appliance, options.Port, play);
        LoadBalancer = new LoadBalancer(options);
        Bridge = new Bridge(new BridgeOptions { Client = new SideOptions("client", Client.Namespace.Path), Server = new SideOptions("server", Server.Namespace.Path) }, options, LoadBalancer);
        Report = new BridgeReport(Bridge, options, LoadBalancer);
        Client.Configure("client", "10.1.0.1/24", "10.2.0.0/24", "fd01::1/64", "fd02::/64");
        Server.Configure("server", "10.2.0.1/24", "10.1.0.0/24", "fd02::1/64", "fd01::/64");
        _thread = new Thread(() => Bridge.Run(() => { }, _stop.Token));
        _thread.Start();
    }

    public Place Client { get; } = new();

    public Place Server { get; } = new();

    public LoadBalancer LoadBalancer { get; }

    public Bridge Bridge { get; }

    public BridgeReport Report { get; }

    /// <summary>How far its packets have come, for when one is missed.</summary>
    public string Describe() => string.Join('\n', [
        Describe("client", Client, Bridge.Client),
        Describe("server", Server, Bridge.Server),
        $"bridge: {Bridge.SendErrors} not sent, {Bridge.ReceiveOverflows} overflowed, {Bridge.Ignored} ignored, {string.Join(", ", Report.Objections())}",
    ]);

    public void Stop()
    {
        _stop.Cancel();
        _thread.Join();
    }

    private static string Describe(string name, Place place, Side side) =>
        $"{name}: {side.PacketsSent} sent, {side.PacketsDelivered} delivered, {side.DeliveryErrors} refused\n{place.Namespace.Run("cat", "/proc/net/snmp", "/proc/net/snmp6")}";

    public void Dispose()
    {
        Stop();
        Bridge.Dispose();
        _reflector.Dispose();
        Client.Dispose();
        Server.Dispose();
        _stop.Dispose();
    }
}

/// <summary>One side's namespace.</summary>
internal sealed class Place : IDisposable
{
    public PeerNamespace Namespace { get; } = new();

    /// <summary>A socket that lives there.</summary>
    public Socket Open(AddressFamily family, SocketType type, ProtocolType protocol = ProtocolType.Unspecified) =>
        NetworkNamespace.Inside(Namespace.Path, () => new Socket(family, type, protocol));

    public void Configure(string device, string address, string otherNet, string address6, string otherNet6)
    {
        Namespace.Run("ip", "addr", "add", address, "dev", device);
        Namespace.Run("ip", "route", "add", otherNet, "dev", device);
        Namespace.Run("ip", "addr", "add", address6, "dev", device, "nodad");
        Namespace.Run("ip", "-6", "route", "add", otherNet6, "dev", device);
    }

    public void Dispose() => Namespace.Dispose();
}
