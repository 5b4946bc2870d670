using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>Where hooks get the clients' networks from: the environment or HOCON, else AWS, which a program of the test stands for.</summary>
public sealed class ClientNetworkSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private const string Route = "create-route.sh";

    private string Calls => Path.Combine(Folder, "aws-calls");

    public override Task InitializeAsync()
    {
        Directory.CreateDirectory(Path.Combine(Folder, "bin"));
        Variables["PATH"] = $"{Folder}/bin:{Environment.GetEnvironmentVariable("PATH")}";
        AwsAnswers("""
            case "$*" in
              *describe-vpc-endpoints*) echo vpc-0123 ;;
              *describe-vpcs*) printf '10.1.0.0/16\t10.2.0.0/16\nfd01::/56\n' ;;
            esac
            """);
        return base.InitializeAsync();
    }

    [Theory]
    [InlineData("hooks.environment { HOOK_ROUTE = clients, HOOK_CIDRS = \"10.7.0.0/16 fd07::/56\" }")]
    [InlineData("hooks.environment { HOOK_ROUTE = clients, HOOK_CIDRS = 10.8.0.0/16, HOOK_CIDRS_" + EniText + " = \"10.7.0.0/16,fd07::/56\" }")]
    public async Task Should_not_ask_aws_when_the_configuration_tells(string hocon)
    {
        await CreateAsync(Route, "--config", ConfigurationFile(hocon));
        AssertRoutes("10.7.0.0/16", "fd07::/56");
        Assert.False(File.Exists(Calls));
    }

    [Fact]
    public async Task Should_not_ask_aws_when_the_environment_tells()
    {
        Variables["HOOK_ROUTE"] = "clients";
        Variables["HOOK_CIDRS"] = "10.7.0.0/16, fd07::/56";
        await CreateAsync(Route);
        AssertRoutes("10.7.0.0/16", "fd07::/56");
        Assert.False(File.Exists(Calls));
    }

    [Fact]
    public async Task Should_take_the_networks_of_the_endpoints_vpc_from_aws_when_nobody_else_tells()
    {
        Variables["HOOK_ROUTE"] = "clients";
        await CreateAsync(Route);
        AssertRoutes("10.1.0.0/16", "10.2.0.0/16", "fd01::/56");
        Assert.Collection(
            await File.ReadAllLinesAsync(Calls),
            call => Assert.Contains($"ec2 describe-vpc-endpoints --vpc-endpoint-ids vpce-{EniText} ", call, StringComparison.Ordinal),
            call => Assert.Contains("ec2 describe-vpcs --vpc-ids vpc-0123 ", call, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("echo 'Unable to locate credentials' >&2; exit 253", "Unable to locate credentials")]
    [InlineData("[[ $* == *describe-vpcs* ]] || echo vpc-0123", "AWS knows no networks of vpc-0123")]
    public async Task Should_fail_and_say_what_to_set_when_aws_does_not_tell_either(string answer, string said)
    {
        AwsAnswers(answer);
        Variables["HOOK_ROUTE"] = "clients";
        var gwlbtun = await CreateAsync(Route, succeeds: false);
        await gwlbtun.Program.WaitForLineAsync(said);
        await gwlbtun.Program.WaitForLineAsync("set HOOK_CIDRS");
        AssertRoutes();
    }

    [Theory]
    [InlineData("create-nat.sh")]
    [InlineData("create-nftables-nat.sh")]
    public async Task Should_not_ask_aws_when_the_hook_can_do_without(string script)
    {
        Variables["HOOK_UPLINK"] = "uplink";
        await CreateAsync(script);
        Assert.False(File.Exists(Calls));
    }

    [Theory]
    [InlineData("create-nat.sh", false)]
    [InlineData("create-nat.sh", true)]
    [InlineData("create-nftables-nat.sh", false)]
    [InlineData("create-nftables-nat.sh", true)]
    public async Task Should_serve_the_networks_given_and_no_others(string script, bool v6)
    {
        var stranger = new GwlbFlow(Eni, 1, v6);
        var served = new GwlbFlow(Eni, 600, v6);
        var server = Lab.AddServerBehindLeg(v6);
        Variables["HOOK_UPLINK"] = "leg";
        Variables["HOOK_CIDRS"] = "192.0.2.0/24, " + served.Client + (v6 ? "/128" : "/32");
        await StartAsync("-c", Artifacts.ExampleScript(script), "-r", Artifacts.ExampleScript(script));
        var asked = 0;
        using var echo = new UdpServer(server, served.Server, GwlbFlow.DefaultServerPort, question =>
        {
            Interlocked.Increment(ref asked);
            return question;
        });

        for (uint sequence = 0; sequence < 3; sequence++)
        {
            Gwlb.Send(stranger, stranger.Packet(sequence));
            Gwlb.Send(served, served.Packet(sequence));
            Assert.Equal(served.Cookie, (await Gwlb.ReceiveAsync()).Cookie);
        }
        Assert.Equal(3, asked);
        Assert.False(Gwlb.TryReceive(out _));
    }

    // Makes the endpoint's tunnel; nothing of a packet's way matters here.
    private async Task<GwlbtunProcess> CreateAsync(string script, params string[] arguments) => await CreateAsync(script, succeeds: true, arguments);

    private async Task<GwlbtunProcess> CreateAsync(string script, bool succeeds, params string[] arguments)
    {
        Variables["GWLBTUN_LOGGING_TUNNEL"] = "info";
        var gwlbtun = await StartAsync(["-c", Artifacts.ExampleScript(script), "-r", Artifacts.ExampleScript(script), .. arguments]);
        var flow = new GwlbFlow(Eni, 1);
        Gwlb.Send(flow, flow.Packet(0));
        await gwlbtun.Program.WaitForLineAsync(succeeds ? "CREATE hook succeeded" : "CREATE hook failed");
        return gwlbtun;
    }

    private void AssertRoutes(params string[] networks)
    {
        var routes = (Lab.Appliance.Ip("-4", "route", "show", "dev", Gwo) + Lab.Appliance.Ip("-6", "route", "show", "dev", Gwo)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(networks, routes.Select(route => route.Split(' ')[0]).Where(network => network != "fe80::/64"));
    }

    private void AwsAnswers(string body) => Script("bin/aws", $"echo \"$*\" | tr '\\n' ' ' >> {Calls}; echo >> {Calls}\n{body}");

    private string ConfigurationFile(string hocon)
    {
        var path = Path.Combine(Folder, "gwlbtun.conf");
        File.WriteAllText(path, hocon);
        return path;
    }
}
