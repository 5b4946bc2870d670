using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using Gwlbtun.Actors.CommandLine;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Gateway;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Actors.Tests.Gateway;

/// <summary>
/// The whole actor tree over real sockets and devices, in virtual time. Inner packets claim to come from 127.0.0.1, so that Linux drops them behind the
/// device. Needs root.
/// </summary>
public abstract class GatewayKit : TestKit
{
    // None that the kernel gives to sockets which ask for any, nor, as far as possible, another run's.
    private static int _lastPort = 20_000 + (1_000 * (Environment.ProcessId % 12));

    private const string VirtualTime = """akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit" """;

    private readonly UdpClient _loadBalancer = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly int _port = Interlocked.Increment(ref _lastPort);

    protected GatewayKit()
        : base(VirtualTime)
    {
    }

    /// <summary>An endpoint of this test's own: its device names are the machine's.</summary>
    protected ulong Eni { get; } = (ulong)Random.Shared.NextInt64();

    protected string Gwi => EniName.IngressDevice(Eni);

    protected string Gwo => EniName.EgressDevice(Eni);

    internal new CapturedLog Log { get; } = new();

    protected IActorRef Gateway { get; private set; } = ActorRefs.Nobody;

    private protected DataPlane DataPlane { get; private set; } = null!;

    private protected ReportSources Reports { get; private set; } = null!;

    private TestScheduler Time => (TestScheduler)Sys.Scheduler;

    /// <summary>Hook lines, in order: what the hooks of <see cref="StartAsync"/> print.</summary>
    private protected string[] HookLines =>
        [.. Log.Lines.Where(line => line.Contains(" hook: ", StringComparison.Ordinal)).Select(line => line[(line.IndexOf(" hook: ", StringComparison.Ordinal) + 7)..])];

    /// <summary>Starts the gateway.</summary>
    /// <param name="create">Body of the CREATE hook, a shell function; it prints CREATE first.</param>
    /// <param name="destroy">Body of the DESTROY hook; it prints DESTROY first.</param>
    /// <param name="environment">Settings as environment variables.</param>
    protected async Task StartAsync(string create = "", string destroy = "", params (string Name, string Value)[] environment)
    {
        var settings = Settings([("GWLBTUN_HOOKS_CREATE", Hook(create)), ("GWLBTUN_HOOKS_DESTROY", Hook(destroy)), .. environment]);
        var loggers = new CapturedLoggers(Log);
        DataPlane = DataPlane.Bind(settings.ToDataPlane(), loggers);
        Reports = new ReportSources(DataPlane.Options);
        Gateway = Sys.ActorOf(GatewaySupervisor.Props(settings, DataPlane, Reports, loggers), "gateway");
        Assert.IsType<GatewayStarted>(await Gateway.Ask<object>(new StartGateway(), Wait.Patience));

        // Not a plain path: a shell runs it, with the hook's arguments appended.
        static string Hook(string body) => $"hook() {{ echo $1\n{body}\n}}; hook";
    }

    /// <summary>Settings of an otherwise plain gateway: two threads of each kind, on a loopback port of its own.</summary>
    private protected GatewaySettings Settings(params (string Name, string Value)[] environment)
    {
        var all = new Dictionary<string, string>
        {
            ["GWLBTUN_GENEVE_BIND"] = "127.0.0.1",
            ["GWLBTUN_GENEVE_PORT"] = $"{_port}",
            ["GWLBTUN_GENEVE_RECEIVE_BUFFER"] = "8 MiB",
            ["GWLBTUN_RESTART_JITTER"] = "0",
            ["PATH"] = Environment.GetEnvironmentVariable("PATH")!,
        };
        foreach (var (name, value) in environment)
            all[name] = value;
        return Assert.IsType<StartupDecision.Run>(Startup.Decide([], all, [0, 1])).Settings;
    }

    protected void Advance(TimeSpan time) => Time.Advance(time);

    /// <summary>Sends packets of one flow of the endpoint.</summary>
    protected void Send(int count = 1, ulong? eni = null)
    {
        var datagram = new byte[GwlbGeneveHeader.StandardLength + 32];
        for (var i = 0; i < count; i++)
        {
            GeneveWriter.WriteGwlbHeader(datagram, EtherType.Ipv4, eni ?? Eni, 0, 0xc00c1e);
            var inner = datagram.AsSpan(GwlbGeneveHeader.StandardLength);
            inner[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(inner[2..], (ushort)inner.Length);
            inner[8] = 64;
            inner[9] = 17;
            IPAddress.Loopback.TryWriteBytes(inner[12..], out _);
            IPAddress.Parse("192.0.2.1").TryWriteBytes(inner[16..], out _);
            BinaryPrimitives.WriteUInt16BigEndian(inner[10..], 0);
            BinaryPrimitives.WriteUInt16BigEndian(inner[10..], InternetChecksum.Compute(inner[..20]));
            BinaryPrimitives.WriteUInt16BigEndian(inner[20..], 1000);
            BinaryPrimitives.WriteUInt16BigEndian(inner[22..], 2000);
            BinaryPrimitives.WriteUInt16BigEndian(inner[24..], 12);
            _loadBalancer.Send(datagram, new IPEndPoint(IPAddress.Loopback, _port));
        }
    }

    protected Task<GatewayReport> ReportAsync() => Gateway.Ask<GatewayReport>(GetReport.Instance, Wait.Patience);

    protected async Task<EniReport> EniAsync() => (await ReportAsync()).Enis.Single(eni => eni.EniId == Eni);

    /// <summary>A report that fulfils a condition: for what data threads do and tell nobody.</summary>
    protected async Task<GatewayReport> ReportAsync(Predicate<GatewayReport> condition)
    {
        GatewayReport? report = null;
        await UntilAsync(async () => condition(report = await ReportAsync()));
        return report!;
    }

    /// <summary>For what happens outside of the actors and tells nobody.</summary>
    protected async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(Wait.Patience);
        while (!await condition())
        {
            if (patience.IsCancellationRequested)
                Assert.Fail($"It did not come to that within {Wait.Patience}.\n{string.Join('\n', Log.Lines)}");
            await Task.Delay(10, CancellationToken.None);
        }
    }

    /// <summary>Everything told to the actor before has been taken in.</summary>
    protected Task SettledAsync(string actor) => Sys.ActorSelection($"/user/gateway/{actor}").Ask<ActorIdentity>(new Identify(null), Wait.Patience);

    /// <summary>Waits until the endpoint's devices have taken so many packets.</summary>
    protected Task DeliveredAsync(ulong packets) =>
        ReportAsync(report => report.Enis.SingleOrDefault(eni => eni.EniId == Eni)?.In.PacketsOut == packets);

    private protected Task CreatedAsync(int times = 1) => Log.Contains($"ENI {EniName.Hex17(Eni)}: tunnel {Gwi} {Gwo} created", times);

    protected static void Ip(string arguments)
    {
        using var ip = Process.Start("ip", arguments);
        ip.WaitForExit();
        Assert.Equal(0, ip.ExitCode);
    }

    protected static bool DeviceExists(string name) => Directory.Exists($"/sys/class/net/{name}");

    /// <summary>
    /// Waits until the device is gone. A device goes with its last descriptor, and a child that is just being started, by this test or another, holds
    /// copies of ours until its exec.
    /// </summary>
    protected Task GoneAsync(string device) => UntilAsync(() => Task.FromResult(!DeviceExists(device)));

    protected override void AfterAll()
    {
        base.AfterAll();
        _loadBalancer.Dispose();
    }
}
