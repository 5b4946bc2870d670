using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Tests.Forwarding;
using Gwlbtun.Native.Uplink;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Native.Tests.Uplink;

/// <summary>
/// A network namespace with an uplink, up0 (10.9.0.1/24, a veth), whose other end, peer0 (10.9.0.2/24), is in a namespace of its own and
/// answers ARP; and the next hops under test.
/// </summary>
internal sealed class UplinkLab : IDisposable
{
    public const string Source = "10.9.0.1";
    public const string Peer = "10.9.0.2";
    public const string PeerMac = "02:00:00:00:00:02";
    public const string UplinkMac = "02:00:00:00:00:01";

    private readonly ManualResetEventSlim _end = new();
    private readonly Thread _peerKeeper;
    private string _peerNamespace = "";

    private UplinkLab()
    {
        using ManualResetEventSlim ready = new();
        _peerKeeper = new Thread(() => NetworkNamespace.Run(() =>
        {
            _peerNamespace = string.Create(CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/task/{CpuAffinity.CurrentThreadId()}/ns/net");
            ready.Set();
            _end.Wait();
        }));
        _peerKeeper.Start();
        Assert.True(ready.Wait(Wait.Patience), "The peer's namespace did not come up.");
        AddLink("up0", UplinkMac, Source, "peer0", PeerMac, Peer);
        // The kernel tells of the link once more when it gets to it, up to a second later.
        Assert.True(SpinWait.SpinUntil(() => (Kernel.FindLink(IndexOf("up0"))!.Flags & LinkMessage.Running) != 0, Wait.Patience), "The uplink did not come up.");
        Hops = NextHops.TryOpen(Failures.Add, out var error) ?? throw new InvalidOperationException(error.ToString());
    }

    public NextHops Hops { get; }

    /// <summary>What the control thread died of.</summary>
    public BlockingCollection<Exception> Failures { get; } = [];

    /// <summary>What the kernel itself says.</summary>
    public RouteQueries Kernel { get; } = new(NetlinkSocket.TryOpen(groups: 0, out _)!);

    /// <summary>Runs a test in a lab of its own.</summary>
    public static void Run(Action<UplinkLab> body) => NetworkNamespace.Run(() =>
    {
        using var lab = new UplinkLab();
        body(lab);
        Assert.Empty(lab.Failures);
    });

    public static uint Address(string text)
    {
#pragma warning disable CS0618 // The number as it stands in memory is what we want.
        return (uint)IPAddress.Parse(text).Address;
#pragma warning restore CS0618
    }

    /// <summary>Runs a command line in the peer's namespace.</summary>
    public void InPeer(string command) => NetworkNamespace.Shell($"nsenter --net={_peerNamespace} {command}");

    /// <summary>Adds an uplink, with a peer that answers on it.</summary>
    public void AddLink(string name, string mac, string address, string peerName, string peerMac, string peerAddress)
    {
        NetworkNamespace.Shell($"ip link add {name} address {mac} type veth peer name {peerName} address {peerMac}");
        var peer = int.Parse(_peerNamespace.Split('/')[4], CultureInfo.InvariantCulture);
        NetworkNamespace.Shell($"ip link set {peerName} netns {peer} && ip addr add {address}/24 dev {name} && ip link set {name} up");
        InPeer($"ip addr add {peerAddress}/24 dev {peerName}");
        InPeer($"ip link set {peerName} up");
    }

    /// <summary>Writes a neighbour down as one that is known for good.</summary>
    public static void Know(string address, string mac, string device, string state = "permanent") =>
        NetworkNamespace.Shell($"ip neigh replace {address} lladdr {mac} dev {device} nud {state}");

    /// <summary>Sends a packet as the raw socket would: the kernel has to find the neighbour.</summary>
    public static void SendThroughKernel(string destination)
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.SendTo([1], new IPEndPoint(IPAddress.Parse(destination), 6081));
    }

    public NextHop? Find(string destination, string source = Source) => Hops.TryFind(Address(destination), Address(source), out var hop) ? hop : null;

    /// <summary>Looks the destination up until the answer is as expected.</summary>
    public NextHop FindWhen(Func<NextHop, bool> isExpected, string destination = Peer, string source = Source, Action? otherwise = null)
    {
        NextHop? hop = null;
        var isFound = SpinWait.SpinUntil(
            () =>
            {
                hop = Find(destination, source);
                if (hop is not null && isExpected(hop))
                    return true;
                otherwise?.Invoke();
                return false;
            },
            Wait.Patience);
        Assert.True(isFound, $"{destination} leaves by {Describe(hop)}.");
        return hop!;
    }

    public NextHop FindKnown(string destination = Peer, string source = Source) => FindWhen(_ => true, destination, source);

    /// <summary>Sends as the return path does, through the kernel while there is no hop, until there is one.</summary>
    public NextHop SendUntilKnown(string destination = Peer, string source = Source) => FindWhen(
        _ => true,
        destination,
        source,
        otherwise: () => SendThroughKernel(destination));

    /// <summary>Waits until the destination has no hop.</summary>
    public void AwaitUnknown(string destination = Peer, string source = Source) =>
        Assert.True(SpinWait.SpinUntil(() => Find(destination, source) is null, Wait.Patience), $"{destination} still has a hop.");

    /// <summary>Asks for a destination, and waits until the kernel has been asked in turn. Null when it then has no hop.</summary>
    public NextHop? FindAfterResolution(string destination, string source = Source)
    {
        var before = Hops.Resolutions;
        _ = Find(destination, source);
        AwaitResolutions(before + 1);
        return Find(destination, source);
    }

    public void AwaitResolutions(long count) =>
        Assert.True(SpinWait.SpinUntil(() => Hops.Resolutions >= count, Wait.Patience), $"The kernel was asked {Hops.Resolutions} times.");

    public static int IndexOf(string device) => int.Parse(File.ReadAllText($"/proc/thread-self/net/dev_snmp6/{device}").Split('\t', '\n')[1], CultureInfo.InvariantCulture);

    public static unsafe string HeaderOf(NextHop hop)
    {
        Span<byte> frame = stackalloc byte[NextHop.EthernetHeaderLength];
        fixed (byte* bytes = frame)
            hop.WriteEthernetHeader(bytes);
        return Convert.ToHexStringLower(frame);
    }

    /// <summary>The Ethernet header from one address to another, as <see cref="HeaderOf"/> writes it.</summary>
    public static string Header(string destinationMac, string sourceMac) => $"{destinationMac}{sourceMac}0800".Replace(":", "", StringComparison.Ordinal);

    public static string Describe(NextHop? hop) => hop is null ? "nothing" : $"interface {hop.InterfaceIndex} with {HeaderOf(hop)} and MTU {hop.Mtu}";

    public void Dispose()
    {
        Hops.Dispose();
        Kernel.Dispose();
        _end.Set();
        _peerKeeper.Join();
        _end.Dispose();
    }
}
