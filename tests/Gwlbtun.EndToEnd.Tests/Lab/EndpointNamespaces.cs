namespace Gwlbtun.EndToEnd.Tests.Lab;

/// <summary>The network namespaces that a gwlbtun makes for its endpoints (<c>tunnel.netns</c>), named after the appliance that it runs in.</summary>
internal sealed class EndpointNamespaces(NetworkNamespace appliance)
{
    /// <summary>
    /// <c>ip netns exec</c> gives a program mounts of its own, which nobody else sees; through this command it has those of the test, as on any host.
    /// </summary>
    public static string[] InTheMountsOfTheHost { get; } = ["nsenter", $"--mount=/proc/{Environment.ProcessId}/ns/mnt"];

    /// <summary>Has a gwlbtun that is started with these variables make them.</summary>
    public void Configure(Dictionary<string, string> variables)
    {
        variables["GWLBTUN_TUNNEL_NETNS"] = "per-endpoint";
        variables["GWLBTUN_TUNNEL_NETNS_PATTERN"] = $"{Prefix}{{name}}";
    }

    /// <summary>That of the endpoint whose ingress device this is.</summary>
    public NetworkNamespace Of(string gwi) => NetworkNamespace.Named(Prefix + gwi["gwi-".Length..]);

    /// <summary>Those that there are now.</summary>
    public IReadOnlyList<string> Names => [.. NetworkNamespace.Names().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))];

    private string Prefix => $"{appliance.Name}-";

    /// <summary>Removes what a killed gwlbtun has left.</summary>
    public void Clear()
    {
        foreach (var name in Names)
            NetworkNamespace.Named(name).Remove();
    }
}
