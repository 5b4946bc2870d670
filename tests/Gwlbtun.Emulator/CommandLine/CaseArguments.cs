using System.CommandLine;
using System.CommandLine.Parsing;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.Blasting.Cases;

namespace Gwlbtun.Emulator.CommandLine;

/// <summary>The options of <c>blast</c> for what is beyond whole packets of flows that keep their header.</summary>
internal sealed class CaseArguments
{
    private const int DefaultFragmentSize = 1400;
    private const int DefaultChurn = 16;

    private readonly Option<FragmentOrder?> _fragments = new("--fragments")
    {
        Description = "Sends datagrams above --fragment-size in fragments, each its own Geneve packet: the later ones, which have no ports, with another cookie and source port. "
            + "ordered, or shuffled: later fragments before the first. Each must come back with its own header; where the appliance puts the datagram together and cuts it anew, "
            + "each piece with one of the datagram's headers, and together the same bytes.",
        HelpName = "ordered|shuffled",
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = result => Choice(result, FragmentOrder.InOrder, ("ordered", FragmentOrder.InOrder), ("shuffled", FragmentOrder.Shuffled)),
    };

    private readonly Option<int> _fragmentSize = new("--fragment-size") { Description = "Bytes of the largest fragment.", DefaultValueFactory = _ => DefaultFragmentSize };

    private readonly Option<ErrorKinds?> _errors = new("--icmp-errors")
    {
        Description = "in: one in eight of each flow's packets is an ICMP error about a flow, known or not, and must come back with its own header. "
            + "originated: one in eight has hop limit 1, and the appliance must answer it: with the header of the opposite direction when that is sent (--asymmetric), else the flow's. "
            + "That takes an appliance that routes (net.ipv4.ip_forward and net.ipv6.conf.all.forwarding 1, an address of each IP version, the packets' sources and destinations routed "
            + "to gwo) and does not limit its errors (net.ipv4.icmp_ratelimit 0, icmp_msgs_per_sec and icmp_msgs_burst large, net.ipv6.icmp.ratelimit 0). both, the default, is both.",
        HelpName = "in|originated|both",
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = result => Choice(result, ErrorKinds.Both, ("in", ErrorKinds.In), ("originated", ErrorKinds.Originated), ("both", ErrorKinds.Both)),
    };

    private readonly Option<bool> _ipOptions = new("--ip-options") { Description = "IPv4 options (header lengths of 24 to 60 bytes) and chains of 1 to 8 IPv6 extension headers, others for each flow." };

    private readonly Option<int?> _churn = new("--cookie-churn")
    {
        Description = $"Gives a flow a new cookie after so many of its datagrams ({DefaultChurn} unless said): from the next one on all must come back with it.",
        HelpName = "DATAGRAMS",
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = result =>
        {
            if (result.Tokens.Count == 0)
                return DefaultChurn;
            if (int.TryParse(result.Tokens[0].Value, out int every) && every > 0)
                return every;
            result.AddError("--cookie-churn must be a number above 0.");
            return null;
        },
    };

    private readonly Option<bool> _churnPorts = new("--churn-ports") { Description = "With --cookie-churn: new source ports, and nodes, too." };
    private readonly Option<bool> _asymmetric = new("--asymmetric") { Description = "Sends both directions of each flow, each with its own cookie, source port and, with --node, outer address: packets must come back with their direction's header." };
    private readonly Option<bool> _answers = new("--answers")
    {
        Description = "The appliance ends the flows: each packet must come back answered, with addresses and ports swapped (echo requests as replies), and the header of the one direction that is sent.",
    };

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_fragments, _fragmentSize, _errors, _ipOptions, _churn, _churnPorts, _asymmetric, _answers])
            command.Options.Add(option);
    }

    public bool IsFragmenting(CommandResult result) => result.GetValue(_fragments) is not null;

    /// <summary>What is wrong with them together.</summary>
    public IEnumerable<string> Validate(CommandResult result, SizeMix sizes)
    {
        bool isFragmenting = IsFragmenting(result);
        // Before the whole command line is parsed, what is not given has no default value yet.
        int fragmentSize = result.GetResult(_fragmentSize) is null ? DefaultFragmentSize : result.GetValue(_fragmentSize);
        if (fragmentSize < CaseOptions.MinimumFragmentSize)
            yield return $"--fragment-size must be {CaseOptions.MinimumFragmentSize} at least.";
        else if (isFragmenting && !sizes.HasAbove(fragmentSize))
            yield return $"--fragments needs a --size above --fragment-size, {fragmentSize} bytes.";
        if (result.GetValue(_churnPorts) && result.GetValue(_churn) is null)
            yield return "--churn-ports needs --cookie-churn.";
        if (result.GetValue(_answers) && (isFragmenting || result.GetValue(_asymmetric) || result.GetValue(_errors) is not null))
            yield return "--answers excludes --fragments, --icmp-errors and --asymmetric.";
    }

    /// <returns>Null when none of them was given.</returns>
    public CaseOptions? Read(ParseResult parsed)
    {
        CaseOptions options = new()
        {
            FragmentSize = parsed.GetValue(_fragments) is null ? null : parsed.GetValue(_fragmentSize),
            FragmentOrder = parsed.GetValue(_fragments) ?? FragmentOrder.InOrder,
            Errors = parsed.GetValue(_errors) ?? ErrorKinds.None,
            IpOptions = parsed.GetValue(_ipOptions),
            ChurnEvery = parsed.GetValue(_churn),
            ChurnPorts = parsed.GetValue(_churnPorts),
            Asymmetric = parsed.GetValue(_asymmetric),
            Answers = parsed.GetValue(_answers),
        };
        return options == new CaseOptions() ? null : options;
    }

    private static T? Choice<T>(ArgumentResult result, T unsaid, params (string Name, T Value)[] choices)
        where T : struct
    {
        if (result.Tokens.Count == 0)
            return unsaid;
        foreach ((string name, T value) in choices)
        {
            if (name == result.Tokens[0].Value)
                return value;
        }

        result.AddError($"'{result.Tokens[0].Value}' is none of {string.Join(", ", choices.Select(choice => choice.Name))}.");
        return null;
    }
}
