using System.Net;
using System.Net.Sockets;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Actors.Tests.Configuration;

public class PreflightSpecs
{
    private const ulong NetAdmin = 1ul << 12;
    private const ulong NetRaw = 1ul << 13;
    private const ulong SysAdmin = 1ul << 21;
    private const ulong SysNice = 1UL << 23;

    private readonly List<string> _errors = [];
    private readonly List<string> _warnings = [];

    [Fact]
    public void Should_refuse_without_the_tun_device()
    {
        Preflight.CheckTun("/nonexistent/tun", _errors);

        Assert.Contains("/nonexistent/tun does not exist", Assert.Single(_errors), StringComparison.Ordinal);
    }

    [Fact]
    public void Should_refuse_a_tun_device_that_cannot_be_opened()
    {
        // A socket file exists, but open(2) answers ENXIO.
        using var files = new TemporaryFiles();
        string path = Path.Combine(files.Directory, "tun");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));

        Preflight.CheckTun(path, _errors);

        Assert.Contains($"{path} cannot be opened", Assert.Single(_errors), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(NetAdmin | NetRaw, 0, 0)]
    [InlineData(NetAdmin, 0, 1)]
    [InlineData(NetRaw, 1, 0)]
    [InlineData(0, 1, 1)]
    public void Should_require_net_admin_and_wish_for_net_raw(ulong capabilities, int errors, int warnings)
    {
        Preflight.CheckCapabilities(new Capabilities(capabilities), _errors, _warnings);

        Assert.Equal((errors, warnings), (_errors.Count, _warnings.Count));
    }

    [Theory]
    [InlineData(NetAdmin, -10, 1)]
    [InlineData(NetAdmin | SysNice, -10, 0)]
    [InlineData(NetAdmin, 0, 0)]
    [InlineData(NetAdmin, 5, 0)]
    public void Should_wish_for_sys_nice_when_data_threads_are_to_come_first(ulong capabilities, int nice, int warnings)
    {
        Preflight.CheckPriority(new Capabilities(capabilities), nice, _warnings);

        Assert.Equal(warnings, _warnings.Count);
    }

    [Theory]
    [InlineData("gwlb-{eni}", NetAdmin, 1)]
    [InlineData("gwlb-{eni}", NetAdmin | SysAdmin, 0)]
    [InlineData(null, NetAdmin, 0)]
    public void Should_require_sys_admin_when_endpoints_get_namespaces(string? pattern, ulong capabilities, int errors)
    {
        NamespacePattern? namespaces = pattern is not null && NamespacePattern.TryParse(pattern, out NamespacePattern parsed) ? parsed : null;
        Preflight.CheckNamespaces(new Capabilities(capabilities), namespaces, _errors);

        Assert.Equal(errors, _errors.Count);
        Assert.All(_errors, error => Assert.StartsWith("CAP_SYS_ADMIN is missing", error, StringComparison.Ordinal));
    }

    [Fact]
    public void Should_read_capabilities_from_proc()
    {
        Assert.Equal(new Capabilities(0x3000), Capabilities.Parse(["Name:\tx", "CapEff:\t0000000000003000"]));
        Assert.True(Capabilities.Parse(["CapEff:\t0000000000001000"]).HasNetAdmin);
        Assert.False(Capabilities.Parse(["CapEff:\t0000000000001000"]).HasNetRaw);
        Assert.Equal(default, Capabilities.Parse(["Name:\tx"]));
    }

    [Fact]
    public void Should_accept_a_free_port()
    {
        Preflight.CheckGenevePort(Geneve(FreeUdpPort(), takeover: false), _errors, _warnings);

        Assert.Empty(_errors);
        Assert.Empty(_warnings);
    }

    [Fact]
    public void Should_refuse_a_taken_port_and_say_who_holds_it()
    {
        using Socket holder = Udp(shared: true);

        AwaitUsAlone(
            () => Preflight.CheckGenevePort(Geneve(PortOf(holder), takeover: false), _errors, _warnings),
            _errors,
            $"UDP port {PortOf(holder)} is taken by {Us()}. Two handlers");
    }

    [Fact]
    public void Should_take_a_shared_port_over_with_a_warning()
    {
        using Socket holder = Udp(shared: true);

        AwaitUsAlone(
            () => Preflight.CheckGenevePort(Geneve(PortOf(holder), takeover: true), _errors, _warnings),
            _warnings,
            $"is shared with {Us()}");
        Assert.Empty(_errors);
    }

    [Fact]
    public void Should_refuse_to_take_over_a_port_that_is_not_shared()
    {
        using Socket holder = Udp(shared: false);

        Preflight.CheckGenevePort(Geneve(PortOf(holder), takeover: true), _errors, _warnings);

        Assert.Contains("cannot be taken over", Assert.Single(_errors), StringComparison.Ordinal);
    }

    [Fact]
    public void Should_refuse_an_address_of_another_machine()
    {
        Preflight.CheckGenevePort(new GeneveSettings(6081, IPAddress.Parse("192.0.2.1"), 0, 64, 0, Takeover: false), _errors, _warnings);

        Assert.Contains("UDP 192.0.2.1:6081 cannot be bound: no interface has this address", Assert.Single(_errors), StringComparison.Ordinal);
    }

    [Fact]
    public void Should_refuse_a_taken_health_port_and_say_who_holds_it()
    {
        using var holder = new TcpListener(IPAddress.Any, 0);
        holder.Start();
        int port = ((IPEndPoint)holder.LocalEndpoint).Port;

        AwaitUsAlone(
            () => Preflight.CheckHealthPort((ushort)port, _errors),
            _errors,
            $"TCP port {port}, for health checks, is taken by {Us()}");
    }

    [Fact]
    public void Should_not_look_at_the_health_port_when_it_is_off()
    {
        Preflight.CheckHealthPort(0, _errors);

        Assert.Empty(_errors);
    }

    [Fact]
    public void Should_warn_of_an_uplink_that_is_too_small()
    {
        Preflight.CheckUplinks([new("eth0", 8567), new("eth1", 8568), new("eth2", 9001)], tunnelMtu: 8500, _warnings);

        Assert.Contains("The MTU of eth0 is 8567, but packets of 8500 bytes need 8568", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Should_take_the_interfaces_of_default_routes_as_uplinks() => Assert.Equal(
        ["eth0", "eth1"],
        UplinkMtu.DefaultRoutes(
        [
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
            "eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0",
            "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
            "eth1\t00000000\t00000000\t0001\t0\t0\t100\t00000000\t0\t0\t0",
            "eth2\t00000000\t0100A8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0",
            "eth3\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0",
        ]));

    /// <summary>Checks until nobody else is named: a child that another test is just starting holds copies of our sockets until its exec.</summary>
    private void AwaitUsAlone(Action check, List<string> said, string expected)
    {
        _ = SpinWait.SpinUntil(
            () =>
            {
                _errors.Clear();
                _warnings.Clear();
                check();
                return said.Count == 1 && said[0].Contains(expected, StringComparison.Ordinal);
            },
            Wait.Patience);
        Assert.Contains(expected, Assert.Single(said), StringComparison.Ordinal);
    }

    private static string Us() => $"{File.ReadAllText("/proc/self/comm").Trim()} (process {Environment.ProcessId})";

    private static GeneveSettings Geneve(ushort port, bool takeover) => new(port, IPAddress.Any, 0, 64, 0, takeover);

    private static ushort PortOf(Socket socket) => (ushort)((IPEndPoint)socket.LocalEndPoint!).Port;

    private static ushort FreeUdpPort()
    {
        using Socket socket = Udp(shared: false);
        return PortOf(socket);
    }

    private static Socket Udp(bool shared)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        if (shared)
            socket.SetRawSocketOption(1, 15, BitConverter.GetBytes(1));
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }
}
