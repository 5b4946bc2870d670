using System.CommandLine;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.Fleet;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Emulator.CommandLine;

/// <summary><c>gwlb-emulator fleet</c>: flows that begin and end all the time, over targets that come and go.</summary>
internal static class FleetCommand
{
    private const string NoRebalance = "no_rebalance";
    private const string Rebalance = "rebalance";
    private const double DefaultRate = 2_000;
    private const double DefaultDelay = 300;
    private static readonly TimeSpan _askAgain = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan _forever = TimeSpan.FromDays(365);

    public static Command Create()
    {
        LoadBalancerArguments shared = new();
        Option<ulong> endpointBase = LoadBalancerArguments.Endpoint("--eni-base", "First endpoint (ENI) ID; the others follow it.");
        Option<int> endpoints = BlastCommand.Number("--enis", 1, 60_000, 1, "Endpoints that the flows are spread over.");
        Option<int> flows = BlastCommand.Number("--flows", 1, InnerAddresses.MaximumFlows, 300, "Flows at a time: of UDP, TCP and ICMP, over IPv4 and IPv6.");
        Option<double?> rate = Above0("--rate", "PPS", "Packets per second, of all flows together.", DefaultRate);
        Option<double?> flowSeconds = Above0("--flow-seconds", "SECONDS", "How long a flow lives before another takes its place; otherwise all live to the end.");
        Option<double?> seconds = Above0("--seconds", "SECONDS", "How long to send; otherwise until SIGTERM or SIGINT.");
        Option<double> maximumLoss = new("--max-loss") { Description = "Percent of the packets that may be lost.", HelpName = "PERCENT", DefaultValueFactory = _ => 0 };
        Option<double> patience = BlastCommand.Patience();
        Option<double?> delay = Above0("--deregistration-delay", "SECONDS", "How long a deregistered target is draining.", DefaultDelay);
        Option<string> failover = new("--failover")
        {
            Description = $"What becomes of the flows of a target that is unhealthy, or deregistered and no longer draining: {NoRebalance}, they stay with it; {Rebalance}, they go to others.",
            DefaultValueFactory = _ => NoRebalance,
        };
        failover.AcceptOnlyFromAmong(NoRebalance, Rebalance);

        Command command = new("fleet", $"Sends flows that begin and end all the time to several targets, and judges each packet that returns. Does what standard input says meanwhile, a line each: {FleetCommands.Syntax}. Says when a target's health changes, and counts by phase and target.");
        shared.AddTo(command);
        foreach (Option option in (Option[])[endpointBase, endpoints, flows, rate, flowSeconds, seconds, maximumLoss, patience, delay, failover])
            command.Options.Add(option);
        command.SetAction((parsed, stop) => Session.RunAsync(
            () => shared.Read(parsed, endpointBase, parsed.GetValue(endpoints)) with
            {
                Failover = parsed.GetValue(failover) == Rebalance ? Failover.Rebalance : Failover.NoRebalance,
                DeregistrationDelay = TimeSpan.FromSeconds(parsed.GetValue(delay) ?? DefaultDelay),
            },
            (loadBalancerOptions, loadBalancer) => Run(loadBalancerOptions, loadBalancer, new BlastOptions
            {
                Flows = parsed.GetValue(flows),
                Protocol = BlastProtocol.Mix,
                Ip = BlastIp.Mix,
                Rate = parsed.GetValue(rate) ?? DefaultRate,
                Lifetime = Lifetime(parsed.GetValue(flowSeconds), parsed.GetValue(rate) ?? DefaultRate, parsed.GetValue(flows)),
                Duration = parsed.GetValue(seconds) is { } limit ? TimeSpan.FromSeconds(limit) : _forever,
                MaximumLoss = parsed.GetValue(maximumLoss),
                Patience = TimeSpan.FromSeconds(parsed.GetValue(patience)),
            }, parsed.GetValue(shared.Json), stop)));
        return command;
    }

    // In packets, a first and a last one at least.
    private static int? Lifetime(double? seconds, double rate, int flows) => seconds is { } life ? Math.Max(2, (int)Math.Round(life * rate / flows)) : null;

    private static int Run(LoadBalancerOptions loadBalancerOptions, LoadBalancer loadBalancer, BlastOptions options, string? json, CancellationToken stop)
    {
        FleetLedger ledger = new(loadBalancer.Targets.Count);
        FleetCommands commands = new(Console.In, loadBalancer.TargetGroup, ledger, Console.Error);
        TargetWatch watch = new(loadBalancer.TargetGroup, ledger, Console.Error);
        using Blaster blaster = new(options, loadBalancerOptions, loadBalancer, channel => new FleetTraffic(options, loadBalancerOptions.Endpoints, loadBalancer, channel, ledger, Tick));
        while (loadBalancer.Targets.Any(target => !target.IsHealthy) && !stop.WaitHandle.WaitOne(_askAgain))
            watch.Look(Environment.TickCount64);
        Console.Error.WriteLine($"ready: {loadBalancer.Targets.Count} healthy targets for {EniName.VpceId(loadBalancerOptions.EndpointBase)}");

        FleetReport report = new(options, loadBalancerOptions, loadBalancer, ledger, blaster.Run(stop));
        Summary.Write(json, report.ToJson(), report.WriteText);
        return report.Objections.Count == 0 ? ExitCode.Good : ExitCode.NotGood;

        void Tick(long nowMs, long nextPacket)
        {
            commands.Apply(nowMs, nextPacket);
            watch.Look(nowMs);
        }
    }

    private static Option<double?> Above0(string name, string helpName, string description, double? value = null)
    {
        Option<double?> option = new(name) { Description = description, HelpName = helpName };
        if (value is not null)
            option.DefaultValueFactory = _ => value;
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double?>() is <= 0)
                result.AddError($"{name} must be more than 0.");
        });
        return option;
    }
}
