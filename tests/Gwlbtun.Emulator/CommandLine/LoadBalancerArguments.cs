using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;

namespace Gwlbtun.Emulator.CommandLine;

/// <summary>The options that every mode has.</summary>
internal sealed class LoadBalancerArguments
{
    private readonly Option<IPAddress[]> _appliances = new("--appliance")
    {
        Description = "Address of the appliance; once for each target.",
        Required = true,
        CustomParser = result => [.. result.Tokens.Select(token => Address(token, result))],
    };

    private readonly Option<IPAddress?> _local = new("--local")
    {
        Description = "The load balancer's outer address; otherwise the one that the route to the appliance has.",
        CustomParser = result => Address(result.Tokens[0], result),
    };

    private readonly Option<IPAddress[]> _nodes = new("--node")
    {
        Description = "A further outer address of the load balancer, one of this namespace's; once for each. Flows, and with --asymmetric their directions, are spread over them.",
        CustomParser = result => [.. result.Tokens.Select(token => Address(token, result))],
    };

    private readonly Option<int> _port = new("--port") { Description = "Geneve port.", DefaultValueFactory = _ => 6081 };
    private readonly Option<double> _tcpIdle = Seconds("--tcp-idle", 350, "Idle time-out of TCP flows");
    private readonly Option<double> _otherIdle = Seconds("--udp-idle", 120, "Idle time-out of all other flows");
    private readonly Option<bool> _zeroAttachment = new("--zero-attachment-id") { Description = "Attachment ID 0, as AWS sends so far; otherwise each flow has its own." };
    private readonly Option<bool> _failOpen = new("--fail-open") { Description = "Send new flows to every target when none is healthy." };
    private readonly Option<ulong?> _seed = new("--seed") { Description = "Makes the cookies those of an earlier run; otherwise each run has others." };
    private readonly Option<int?> _healthPort = new("--health-port") { Description = "Checks the targets at this port; otherwise they are in service always." };
    private readonly Option<bool> _healthHttp = new("--health-http") { Description = "Checks by HTTP, where 200 to 399 is healthy; otherwise a TCP connection is." };
    private readonly Option<string> _healthPath = new("--health-path") { Description = "Path of an HTTP check.", DefaultValueFactory = _ => "/" };
    private readonly Option<double> _healthInterval = Seconds("--health-interval", 10, "Time between checks");
    private readonly Option<double> _healthTimeout = Seconds("--health-timeout", 5, "How long a check may take");
    private readonly Option<int> _healthThreshold = new("--health-threshold") { Description = "Failures in a row that take a target out of service, and successes that take it back.", DefaultValueFactory = _ => 3 };
    private readonly Option<int?> _healthyThreshold = new("--healthy-threshold") { Description = "Successes in a row that take a target back, where they are not as many as failures.", HelpName = "COUNT" };

    private readonly Option<Judgement[]> _allowed = new("--allow")
    {
        Description = "Faults that do not spoil the verdict, separated by commas: " + string.Join(", ", Enum.GetNames<Judgement>()[1..]) + ".",
        CustomParser = result => [.. result.Tokens.SelectMany(token => token.Value.Split(',')).Select(name => Fault(name, result))],
    };

    public Option<string?> Json { get; } = new("--json") { Description = "Writes the summary to this file as JSON; - is standard output, without the text.", HelpName = "FILE" };

    public void AddTo(Command command)
    {
        Option[] options =
        [
            _appliances, _local, _nodes, _port, _tcpIdle, _otherIdle, _zeroAttachment, _failOpen, _seed, _healthPort, _healthHttp, _healthPath,
            _healthInterval, _healthTimeout, _healthThreshold, _healthyThreshold, _allowed, Json,
        ];
        foreach (Option option in options)
            command.Options.Add(option);
    }

    public LoadBalancerOptions Read(ParseResult parsed, Option<ulong> endpointBase, int endpoints)
    {
        IPAddress[] appliances = parsed.GetRequiredValue(_appliances);
        int port = parsed.GetValue(_port);
        LoadBalancerOptions options = new()
        {
            Appliances = appliances,
            Local = parsed.GetValue(_local) ?? LocalAddressTowards(appliances[0], port),
            FurtherNodes = parsed.GetValue(_nodes) ?? [],
            Port = port,
            EndpointBase = parsed.GetResult(endpointBase) is null ? LoadBalancerOptions.DefaultEndpoint : parsed.GetValue(endpointBase),
            Endpoints = endpoints,
            TcpIdle = TimeSpan.FromSeconds(parsed.GetValue(_tcpIdle)),
            OtherIdle = TimeSpan.FromSeconds(parsed.GetValue(_otherIdle)),
            ZeroAttachmentId = parsed.GetValue(_zeroAttachment),
            FailOpen = parsed.GetValue(_failOpen),
            Allowed = (parsed.GetValue(_allowed) ?? []).ToHashSet(),
            HealthCheck = parsed.GetValue(_healthPort) is not { } healthPort ? null : new HealthCheckOptions(healthPort)
            {
                IsHttp = parsed.GetValue(_healthHttp),
                Path = parsed.GetValue(_healthPath)!,
                Interval = TimeSpan.FromSeconds(parsed.GetValue(_healthInterval)),
                Timeout = TimeSpan.FromSeconds(parsed.GetValue(_healthTimeout)),
                UnhealthyThreshold = parsed.GetValue(_healthThreshold),
                HealthyThreshold = parsed.GetValue(_healthyThreshold) ?? parsed.GetValue(_healthThreshold),
            },
        };
        return parsed.GetValue(_seed) is { } seed ? options with { Seed = seed } : options;
    }

    /// <summary>An option with an endpoint's ID in hexadecimal.</summary>
    public static Option<ulong> Endpoint(string name, string description) => new(name)
    {
        Description = description + $" [default: {LoadBalancerOptions.DefaultEndpoint:x16}]",
        HelpName = "HEX",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (ulong.TryParse(text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? text[2..] : text, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong eniId))
                return eniId;
            result.AddError($"'{text}' is no hexadecimal number of 64 bits.");
            return 0;
        },
    };

    /// <summary>An option with a time above 0 in seconds.</summary>
    public static Option<double> Seconds(string name, double value, string description)
    {
        Option<double> option = new(name) { Description = description + ", in seconds.", HelpName = "SECONDS", DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && !(result.GetValueOrDefault<double>() > 0))
                result.AddError($"{name} must be more than 0.");
        });
        return option;
    }

    private static IPAddress Address(Token token, SymbolResult result)
    {
        if (IPAddress.TryParse(token.Value, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetwork)
            return address;
        result.AddError($"'{token.Value}' is no IPv4 address.");
        return IPAddress.None;
    }

    private static Judgement Fault(string name, SymbolResult result)
    {
        if (!Judgements.TryParse(name, out Judgement judgement))
            result.AddError($"'{name}' is no fault that is judged.");
        return judgement;
    }

    // Connecting a UDP socket sends nothing; it only chooses the route.
    private static IPAddress LocalAddressTowards(IPAddress appliance, int port)
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Connect(new IPEndPoint(appliance, port));
        return ((IPEndPoint)socket.LocalEndPoint!).Address;
    }
}
