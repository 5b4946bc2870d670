using System.Net;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.Blasting.Cases;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

/// <summary>What is beyond whole packets of flows that keep their header, with appliances that are right.</summary>
public class CaseSpecs
{
    private static readonly CaseOptions _everything = new()
    {
        FragmentSize = 600,
        FragmentOrder = FragmentOrder.Shuffled,
        Errors = ErrorKinds.In,
        IpOptions = true,
        ChurnEvery = 5,
        Asymmetric = true,
    };

    public static TheoryData<string> Traffic() =>
    [
        "fragments", "shuffled fragments", "errors", "originated errors", "all errors", "options", "churn", "churn of ports", "directions", "nodes", "answers", "answers to churn",
        "everything", "everything in bursts", "everything at a rate", "everything of many", "everything on nodes", "everything, routed",
    ];

    [Theory]
    [MemberData(nameof(Traffic))]
    public void Should_find_nothing_wrong_with_a_right_appliance(string traffic)
    {
        CaseOptions cases = traffic switch
        {
            "fragments" => new() { FragmentSize = 1400 },
            "shuffled fragments" => new() { FragmentSize = 256, FragmentOrder = FragmentOrder.Shuffled },
            "errors" => new() { Errors = ErrorKinds.In },
            "originated errors" => new() { Errors = ErrorKinds.Originated },
            "all errors" => new() { Errors = ErrorKinds.Both, Asymmetric = true },
            "options" => new() { IpOptions = true },
            "churn" => new() { ChurnEvery = 3 },
            "churn of ports" => new() { ChurnEvery = 10, ChurnPorts = true },
            "directions" or "nodes" => new() { Asymmetric = true },
            "answers" => new() { Answers = true, IpOptions = true },
            "answers to churn" => new() { Answers = true, ChurnEvery = 3 },
            "everything, routed" => _everything with { Errors = ErrorKinds.Both },
            "everything on nodes" => _everything with { ChurnPorts = true },
            _ => _everything,
        };
        BlastOptions options = new() { Flows = 60, Packets = 5_000, Window = 64, Duration = Wait.Patience, Patience = Wait.Patience, Protocol = BlastProtocol.Mix, Ip = BlastIp.Mix, Sizes = SizeMix.Parse("3000,200,64,8500"), Cases = cases };
        options = traffic switch
        {
            "everything in bursts" => options with { Burst = 10 },
            "everything at a rate" => options with { Rate = 10_000 },
            "everything of many" => options with { Flows = 2_000, Packets = 24_000, Sizes = SizeMix.Parse("1000") },
            _ => options,
        };
        LoadBalancerOptions loadBalancer = CaseLab.LoadBalancer with
        {
            Endpoints = traffic == "everything of many" ? 20 : 1,
            FurtherNodes = traffic is "nodes" or "everything on nodes" ? [IPAddress.Parse("127.0.1.1"), IPAddress.Parse("127.0.1.2")] : [],
        };
        Func<Reply, int, IEnumerable<Reply>>? play = (cases.Errors & ErrorKinds.Originated) != 0 ? new CaseLab.Router().Play : cases.Answers ? CaseLab.Answer : null;

        Sandbox.Run(() =>
        {
            BlastResult result = CaseLab.Blast(options, play, loadBalancer);

            string judged = string.Join(", ", result.Objections(new HashSet<Judgement>(), maximumLoss: 0));
            Assert.True(judged.Length == 0, $"{judged}; {string.Join(", ", result.Cases!.Snapshot())}");
            Assert.Equal((options.Packets, options.Packets), (result.Sent, result.Returned));
        });
    }
}
