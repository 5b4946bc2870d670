using System.Net;
using System.Net.Sockets;
using Gwlbtun.Shared;

namespace Gwlbtun.EndToEnd.Tests.Lab;

/// <summary>
/// A load balancer's namespace and an appliance's, joined by a link of a jumbo MTU:
/// <c>gwlb 10.77.0.1 ── uplink ── 10.77.0.2 appliance</c>.
/// </summary>
internal sealed class ApplianceLab : IDisposable
{
    private static int _labs;

    private readonly List<NetworkNamespace> _namespaces = [];
    private readonly int _number;

    static ApplianceLab() => NetworkNamespace.RemoveStale();

    public ApplianceLab()
    {
        _number = Interlocked.Increment(ref _labs);
        try
        {
            Gwlb = AddNamespace("gwlb");
            Appliance = AddNamespace("appl");
            Join(Gwlb, "uplink", "10.77.0.1/24", Appliance, "uplink", "10.77.0.2/24");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public static IPAddress GwlbAddress { get; } = IPAddress.Parse("10.77.0.1");

    public static IPAddress ApplianceAddress { get; } = IPAddress.Parse("10.77.0.2");

    public NetworkNamespace Gwlb { get; }

    public NetworkNamespace Appliance { get; }

    /// <summary>How many packets gwlbtun has delivered since the lab was made, by the kernel's count of its ingress devices.</summary>
    public long Delivered => Appliance.ReceivedPackets("gwi-");

    /// <summary>Waits until gwlbtun has delivered so many; what the packets teach is learned by then.</summary>
    public async Task WaitForDeliveredAsync(long count)
    {
        var start = TimeProvider.System.GetTimestamp();
        for (var delivered = Delivered; delivered < count; delivered = Delivered)
        {
            if (TimeProvider.System.GetElapsedTime(start) > Wait.Patience)
                throw new TimeoutException($"gwlbtun has delivered {delivered} packets, not {count}.");
            await Task.Delay(2);
        }
    }

    /// <summary>One more namespace, removed together with the rest.</summary>
    public NetworkNamespace AddNamespace(string role)
    {
        var added = NetworkNamespace.Create(_number, role);
        _namespaces.Add(added);
        return added;
    }

    /// <summary>Gives the appliance an address to answer for, and a default route, as every host has.</summary>
    public void Serve(IPAddress address)
    {
        Appliance.AddAddress($"{address}", "lo");
        Appliance.Ip(address.AddressFamily == AddressFamily.InterNetworkV6 ? "-6" : "-4", "route", "add", "default", "dev", "uplink");
    }

    /// <summary>A server 172.16.0.1 or fd01::1 on a second leg of the appliance; the device is called "leg" on both sides.</summary>
    public NetworkNamespace AddServerBehindLeg(bool v6)
    {
        var server = AddNamespace("server");
        var (near, far) = v6 ? ("fd01::ff/64", "fd01::1/64") : ("172.16.0.254/24", "172.16.0.1/24");
        Join(Appliance, "leg", near, server, "leg", far);
        return server;
    }

    /// <summary>Joins two namespaces by a veth of MTU 9001 and gives each end its address; a port of a bridge has none.</summary>
    public static void Join(NetworkNamespace left, string leftDevice, string? leftAddress, NetworkNamespace right, string rightDevice, string rightAddress)
    {
        left.Ip("link", "add", leftDevice, "mtu", "9001", "type", "veth", "peer", "name", rightDevice, "mtu", "9001", "netns", right.Name);
        if (leftAddress is not null)
            left.AddAddress(leftAddress, leftDevice);
        right.AddAddress(rightAddress, rightDevice);
        left.Ip("link", "set", leftDevice, "up");
        right.Ip("link", "set", rightDevice, "up");
    }

    public void Dispose()
    {
        foreach (var network in _namespaces)
            network.Remove();
        _namespaces.Clear();
    }
}
