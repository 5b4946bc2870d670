using System.Net;
using Gwlbtun.EndToEnd.Tests.Lab;

namespace Gwlbtun.EndToEnd.Tests.Fleet;

/// <summary>
/// A load balancer's namespace and several appliances' on one network of a jumbo MTU: <c>gwlb 10.78.0.1</c>, and
/// <c>10.78.0.2</c> and so on for the appliances.
/// </summary>
internal sealed class FleetLab : IDisposable
{
    private const string Lan = "lan";

    private static int _labs;

    private readonly List<NetworkNamespace> _namespaces = [];
    private readonly int _number = Interlocked.Increment(ref _labs);

    static FleetLab() => NetworkNamespace.RemoveStale();

    public FleetLab(int appliances)
    {
        try
        {
            Gwlb = AddNamespace("lanlb");
            Gwlb.Ip("link", "add", Lan, "mtu", "9001", "type", "bridge");
            Gwlb.AddAddress("10.78.0.1/24", Lan);
            Gwlb.Ip("link", "set", Lan, "up");
            Appliances = [.. Enumerable.Range(0, appliances).Select(AddAppliance)];
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public NetworkNamespace Gwlb { get; }

    public IReadOnlyList<(NetworkNamespace Network, IPAddress Address)> Appliances { get; }

    public void Dispose()
    {
        foreach (var network in _namespaces)
            network.Remove();
        _namespaces.Clear();
    }

    private (NetworkNamespace Network, IPAddress Address) AddAppliance(int index)
    {
        var network = AddNamespace($"lan{index}");
        var address = IPAddress.Parse($"10.78.0.{2 + index}");
        ApplianceLab.Join(Gwlb, $"port{index}", null, network, "uplink", $"{address}/24");
        Gwlb.Ip("link", "set", $"port{index}", "master", Lan);
        return (network, address);
    }

    private NetworkNamespace AddNamespace(string role)
    {
        var added = NetworkNamespace.Create(_number, role);
        _namespaces.Add(added);
        return added;
    }
}
