using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.CommandLine;
using Gwlbtun.Comparison.Network;
using Xunit;

namespace Gwlbtun.Comparison.Tests;

public class CommandLineSpecs
{
    private static readonly string[] _required = ["--gwlbtun", "gwlbtun", "--scripts", "scripts", "--output", "output", "--prefix", "prefix"];

    [Fact]
    public void Should_measure_every_case_on_both_topologies_five_times_unless_told_otherwise()
    {
        ComparisonOptions options = Parse();

        Assert.Equal(CaseCatalog.All, options.Cases);
        Assert.NotEmpty(options.Cases);
        Assert.Equal([Topology.Nic, Topology.Veth], options.Topologies);
        Assert.Equal((5, TimeSpan.FromSeconds(3), false, null), (options.Pairs, options.Duration, options.IsQuick, options.Peer));
    }

    [Fact]
    public void Should_measure_what_it_is_told_to()
    {
        ComparisonOptions options = Parse("--cases", "small,enis-100", "--topology", "veth", "--pairs", "7", "--seconds", "1.5", "--peer", "/bin/sh");

        Assert.Equal(["small", "enis-100"], options.Cases.Select(one => one.Name));
        Assert.Equal([Topology.Veth], options.Topologies);
        Assert.Equal((7, TimeSpan.FromSeconds(1.5), false, "/bin/sh"), (options.Pairs, options.Duration, options.IsQuick, options.Peer));
    }

    [Theory]
    [InlineData("--quick")]
    [InlineData("--pairs", "4")]
    public void Should_call_quick_what_has_too_few_pairs_to_quote(params string[] args) => Assert.True(Parse(args).IsQuick);

    [Theory]
    [InlineData("/nonexistent")]
    [InlineData("/etc/passwd")]
    [InlineData("/etc")]
    public void Should_refuse_a_peer_that_cannot_be_run(string path) =>
        Assert.Equal($"--peer '{path}' is no program that can be run.", Assert.Single(CompareCommand.Create().Parse([.. _required, "--peer", path]).Errors).Message);

    private static ComparisonOptions Parse(params string[] args)
    {
        ComparisonOptions? options = null;
        int exitCode = CompareCommand.Create((given, _) =>
        {
            options = given;
            return 0;
        }).Parse([.. _required, .. args]).Invoke();

        Assert.Equal(0, exitCode);
        return options!;
    }
}
