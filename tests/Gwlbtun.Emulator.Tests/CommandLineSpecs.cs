using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Gwlbtun.Native.Linux;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

public class CommandLineSpecs
{
    private static readonly string[] _blast = ["blast", "--appliance", "127.0.0.2", "--local", "127.0.0.1", "--packets", "50"];

    // For a run that loses nothing: then it never takes as long.
    private static readonly string[] _patient = ["--seconds", "60", "--patience", "60"];

    private static readonly string[] _fleet = ["fleet", "--appliance", "127.0.0.2", "--appliance", "127.0.0.3", "--local", "127.0.0.1"];

    [Fact]
    public void Should_end_with_0_and_say_what_came_back() => Sandbox.Run(() =>
    {
        using Reflector reflector = new(IPAddress.Parse("127.0.0.2"), 6081);
        string output = Programs.Run(Programs.Emulator, [.. _blast, .. _patient, "--size-mix", "64:7,576:4,1400:1", "--protocol", "mix", "--ip-mix", "--enis", "3"]);
        Assert.Contains("sent 50, returned 50, lost 0 (0 %)", output, StringComparison.Ordinal);
        Assert.Contains("verdict: good", output, StringComparison.Ordinal);
    });

    [Fact]
    public void Should_write_JSON_alone_to_standard_output_and_end_with_1_when_packets_are_lost() => Sandbox.Run(() =>
    {
        (int exitCode, string output, _) = Programs.RunToEnd(Programs.Emulator, [.. _blast, "--json", "-", "--patience", "0.1"]);

        Assert.Equal(1, exitCode);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.False(json.RootElement.GetProperty("good").GetBoolean());
        Assert.Equal((50, 0, 50), (Number("sent"), Number("returned"), Number("lost")));
        Assert.Equal(50, json.RootElement.GetProperty("lossByReason").GetProperty("NotReturned").GetInt64());
        Assert.Equal(0, json.RootElement.GetProperty("counters").GetProperty("PacketsDroppedCount_MissingFlowEntry").GetInt64());

        long Number(string name) => json.RootElement.GetProperty(name).GetInt64();
    });

    [Theory]
    [InlineData("BadChecksum", 0)]
    [InlineData("InvalidGwlbFlowCookie,badchecksum", 0)]
    [InlineData("BadInnerBytes", 1)]
    public void Should_go_by_what_is_allowed(string allowed, int expected) => Sandbox.Run(() =>
    {
        using Reflector reflector = new(IPAddress.Parse("127.0.0.2"), 6081, (right, number) => [number == 20 ? right.WithFlippedByte(Reply.InnerOffset + 60) : right]);
        Assert.Equal(expected, Programs.RunToEnd(Programs.Emulator, [.. _blast, .. _patient, "--max-loss", "2", "--allow", allowed]).ExitCode);
    });

    [Theory]
    [InlineData("--flows", "0", "--flows must be 1 to 4194304.")]
    [InlineData("--size", "a", "'a' is no mix of sizes")]
    [InlineData("--eni-base", "xyz", "'xyz' is no hexadecimal number of 64 bits.")]
    [InlineData("--appliance", "::1", "'::1' is no IPv4 address.")]
    [InlineData("--allow", "Nonsense", "'Nonsense' is no fault that is judged.")]
    [InlineData("--rate", "-5", "--rate must be more than 0.")]
    [InlineData("--rate", "fast", "Cannot parse argument 'fast'")]
    [InlineData("--seconds", "0", "--seconds must be more than 0.")]
    [InlineData("--fragments", "backwards", "'backwards' is none of ordered, shuffled.")]
    [InlineData("--icmp-errors", "out", "'out' is none of in, originated, both.")]
    [InlineData("--cookie-churn", "0", "--cookie-churn must be a number above 0.")]
    [InlineData("--fragment-size", "100", "--fragment-size must be 256 at least.")]
    [InlineData("--node", "::1", "'::1' is no IPv4 address.")]
    public void Should_refuse_a_wrong_value_with_the_reason(string option, string value, string reason)
    {
        (int exitCode, _, string errors) = Programs.RunToEnd(Programs.Emulator, [.. _blast, option, value]);
        Assert.Equal(1, exitCode);
        Assert.Contains(reason, errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--fragments --size 1400", "--fragments needs a --size above --fragment-size, 1400 bytes.")]
    [InlineData("--churn-ports", "--churn-ports needs --cookie-churn.")]
    [InlineData("--answers --asymmetric", "--answers excludes --fragments, --icmp-errors and --asymmetric.")]
    [InlineData("--ipv6 --ip-mix", "--ipv6 and --ip-mix exclude each other.")]
    public void Should_refuse_what_does_not_go_together(string options, string reason)
    {
        (int exitCode, _, string errors) = Programs.RunToEnd(Programs.Emulator, [.. _blast, .. options.Split(' ')]);
        Assert.Equal(1, exitCode);
        Assert.Contains(reason, errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--fragments --icmp-errors in --ip-options --cookie-churn --asymmetric --node 127.0.1.1")]
    [InlineData("--fragments shuffled --fragment-size 600 --cookie-churn 5 --churn-ports")]
    public void Should_send_every_case_that_it_is_asked_for(string options) => Sandbox.Run(() =>
    {
        using Reflector reflector = new(IPAddress.Parse("127.0.0.2"), 6081);
        string output = Programs.Run(Programs.Emulator, [.. _blast[..^1], "500", .. _patient, "--flows", "10", "--window", "50", "--protocol", "mix", "--ip-mix", .. options.Split(' ')]);
        Assert.Contains("sent 500, returned 500, lost 0 (0 %)", output, StringComparison.Ordinal);
        Assert.Contains("cases: FragmentedDatagrams ", output, StringComparison.Ordinal);
        Assert.Contains("verdict: good", output, StringComparison.Ordinal);
    });

    [Fact]
    public void Should_count_by_phase_and_target_when_there_is_a_fleet() => Sandbox.Run(() =>
    {
        using Reflector one = new(IPAddress.Parse("127.0.0.2"), 6081);
        using Reflector other = new(IPAddress.Parse("127.0.0.3"), 6081);
        using JsonDocument json = JsonDocument.Parse(Programs.Run(Programs.Emulator, [.. _fleet, "--flows", "50", "--flow-seconds", "0.1", "--seconds", "3", "--patience", "60", "--json", "-"]));

        Assert.True(json.RootElement.GetProperty("good").GetBoolean());
        Assert.True(json.RootElement.GetProperty("flows").GetInt64() > 100);
        JsonElement phase = Assert.Single(json.RootElement.GetProperty("phases").EnumerateArray().ToArray());
        JsonElement[] targets = [.. phase.GetProperty("targets").EnumerateObject().Select(target => target.Value)];
        Assert.Equal(2, targets.Length);
        Assert.All(targets, target => Assert.True(target.GetProperty("returned").GetInt64() > 100));
        Assert.Equal(json.RootElement.GetProperty("sent").GetInt64(), targets.Sum(target => target.GetProperty("sent").GetInt64()));
    });

    [Theory]
    [InlineData("--failover", "sometimes", "'sometimes' not recognized")]
    [InlineData("--deregistration-delay", "0", "--deregistration-delay must be more than 0.")]
    [InlineData("--flow-seconds", "-1", "--flow-seconds must be more than 0.")]
    public void Should_refuse_a_wrong_value_for_a_fleet_with_the_reason(string option, string value, string reason)
    {
        (int exitCode, _, string errors) = Programs.RunToEnd(Programs.Emulator, [.. _fleet, option, value]);
        Assert.Equal(1, exitCode);
        Assert.Contains(reason, errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Should_end_with_2_and_a_hint_when_a_namespace_does_not_exist()
    {
        (int exitCode, _, string errors) = Programs.RunToEnd(Programs.Emulator, "bridge", "--appliance", "127.0.0.2", "--local", "127.0.0.1", "--port", "16081", "--client-netns", "no-such-namespace");
        Assert.Equal(2, exitCode);
        Assert.Contains("/run/netns/no-such-namespace: ENOENT", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Should_end_with_2_when_another_load_balancer_has_the_address_and_port() => Sandbox.Run(() =>
    {
        using UdpSocket other = UdpSocket.Open(new IPEndPoint(IPAddress.Loopback, 6081), 65_536);
        (int exitCode, _, string errors) = Programs.RunToEnd(Programs.Emulator, _blast);
        Assert.Equal(2, exitCode);
        Assert.Contains("Cannot bind UDP 127.0.0.1:6081: EADDRINUSE", errors, StringComparison.Ordinal);
    });

    [Theory]
    [InlineData("-TERM")]
    [InlineData("-INT")]
    public void Should_sum_up_and_end_with_0_on_a_signal(string signal) => Sandbox.Run(() =>
    {
        using Process bridge = Programs.Start(Programs.Emulator, "bridge", "--appliance", "127.0.0.2", "--local", "127.0.0.1");
        Assert.Equal("ready: gwlb-client and gwlb-server through 127.0.0.2 as vpce-00b8ee1d4db0c51c0", bridge.StandardError.ReadLine());
        Programs.Run("ip", "link", "show", "gwlb-client");

        Programs.Run("kill", signal, bridge.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));

        bridge.WaitForExit();
        Assert.EndsWith("verdict: good\n", bridge.StandardOutput.ReadToEnd(), StringComparison.Ordinal);
        Assert.Equal(0, bridge.ExitCode);
        Assert.NotEqual(0, Programs.RunToEnd("ip", "link", "show", "gwlb-client").ExitCode);
    });
}
