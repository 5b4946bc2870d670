using System.CommandLine;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.LoadBalancing;

namespace Gwlbtun.Emulator.CommandLine;

/// <summary><c>gwlb-emulator blast</c>: generated flows, judged byte for byte.</summary>
internal static class BlastCommand
{
    private const string SizesToFragment = "3000:3,200:1";
    private const int MaximumBurst = 10_000;
    private const int MaximumWindow = 1 << 19;

    public static Command Create()
    {
        LoadBalancerArguments shared = new();
        CaseArguments cases = new();
        Option<ulong> endpointBase = LoadBalancerArguments.Endpoint("--eni-base", "First endpoint (ENI) ID; the others follow it.");
        Option<int> endpoints = Number("--enis", 1, 60_000, 1, "Endpoints that the flows are spread over.");
        Option<int> flows = Number("--flows", 1, InnerAddresses.MaximumFlows, 64, "Flows.");
        Option<SizeMix?> sizes = Sizes("--size", $"Bytes of each inner packet. [default: 128, with --fragments {SizesToFragment}]");
        Option<SizeMix?> sizeMix = Sizes("--size-mix", "Bytes and shares, such as 64:7,576:4,1400:1 (IMIX); instead of --size.");
        Option<BlastProtocol> protocol = new("--protocol") { Description = "udp, tcp, icmp, or a mix of them.", DefaultValueFactory = _ => BlastProtocol.Udp };
        Option<bool> ipv6 = new("--ipv6") { Description = "IPv6 flows." };
        Option<bool> ipMix = new("--ip-mix") { Description = "IPv4 and IPv6 flows." };
        Option<double?> rate = new("--rate") { Description = "Packets per second; otherwise a closed loop.", HelpName = "PPS" };
        Option<int> window = Number("--window", 1, MaximumWindow, 512, "Packets on their way at a time, in a closed loop.");
        Option<int> burst = Number("--burst", 1, MaximumBurst, 1, "Consecutive packets of one flow.");
        Option<double> seconds = LoadBalancerArguments.Seconds("--seconds", 5, "How long to send");
        Option<long?> packets = new("--packets") { Description = "Ends after so many packets." };
        Option<double> maximumLoss = new("--max-loss") { Description = "Percent of the packets that may be lost.", HelpName = "PERCENT", DefaultValueFactory = _ => 0 };
        Option<double> patience = Patience();

        Command command = new("blast", "Sends generated flows, and compares each returned packet byte for byte with what was sent. Fragments, ICMP errors, IP options, new cookies and directions go together as wanted, over IPv4, IPv6 and any number of flows and endpoints.");
        shared.AddTo(command);
        cases.AddTo(command);
        foreach (Option option in (Option[])[endpointBase, endpoints, flows, sizes, sizeMix, protocol, ipv6, ipMix, rate, window, burst, seconds, packets, maximumLoss, patience])
            command.Options.Add(option);
        command.Validators.Add(result =>
        {
            try
            {
                if (result.GetValue(ipv6) && result.GetValue(ipMix))
                    result.AddError("--ipv6 and --ip-mix exclude each other.");
                if (result.GetValue(rate) is <= 0)
                    result.AddError("--rate must be more than 0.");
                foreach (string error in cases.Validate(result, SizesOf(result.GetValue, cases.IsFragmenting(result))))
                    result.AddError(error);
            }
            catch (InvalidOperationException)
            {
                // A value could not be read: its own option says so.
            }
        });
        command.SetAction((parsed, stop) => Session.RunAsync(
            () => shared.Read(parsed, endpointBase, parsed.GetValue(endpoints)),
            (loadBalancerOptions, loadBalancer) => Run(loadBalancerOptions, loadBalancer, new BlastOptions
            {
                Flows = parsed.GetValue(flows),
                Sizes = SizesOf(parsed.GetValue, cases.IsFragmenting(parsed.CommandResult)),
                Protocol = parsed.GetValue(protocol),
                Ip = parsed.GetValue(ipMix) ? BlastIp.Mix : parsed.GetValue(ipv6) ? BlastIp.V6 : BlastIp.V4,
                Rate = parsed.GetValue(rate),
                Window = parsed.GetValue(window),
                Burst = parsed.GetValue(burst),
                Duration = TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                Packets = parsed.GetValue(packets),
                MaximumLoss = parsed.GetValue(maximumLoss),
                Cases = cases.Read(parsed),
                Patience = TimeSpan.FromSeconds(parsed.GetValue(patience)),
            }, parsed.GetValue(shared.Json), stop)));
        return command;

        SizeMix SizesOf(Func<Option<SizeMix?>, SizeMix?> valueOf, bool isFragmenting) =>
            valueOf(sizeMix) ?? valueOf(sizes) ?? SizeMix.Parse(isFragmenting ? SizesToFragment : "128");
    }

    private static int Run(LoadBalancerOptions loadBalancerOptions, LoadBalancer loadBalancer, BlastOptions options, string? json, CancellationToken stop)
    {
        using Blaster blaster = new(options, loadBalancerOptions, loadBalancer);
        BlastReport report = new(options, loadBalancerOptions, loadBalancer, blaster.Run(stop));
        Summary.Write(json, report.ToJson(), report.WriteText);
        return report.Objections.Count == 0 ? ExitCode.Good : ExitCode.NotGood;
    }

    /// <summary>The option for <see cref="BlastOptions.Patience"/>.</summary>
    public static Option<double> Patience() => LoadBalancerArguments.Seconds(
        "--patience", new BlastOptions().Patience.TotalSeconds, "How long packets may stay away, after the last one that came, before they are given up");

    /// <summary>An option with a whole number.</summary>
    public static Option<int> Number(string name, int least, int most, int value, string description)
    {
        Option<int> option = new(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && result.GetValueOrDefault<int>() is var given && (given < least || given > most))
                result.AddError($"{name} must be {least} to {most}.");
        });
        return option;
    }

    private static Option<SizeMix?> Sizes(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = result =>
        {
            try
            {
                return SizeMix.Parse(result.Tokens[0].Value);
            }
            catch (FormatException e)
            {
                result.AddError(e.Message);
                return null;
            }
        },
    };
}
