using Gwlbtun.Actors.Configuration;
using Xunit;

namespace Gwlbtun.Actors.Tests.Configuration;

public class EnvironmentSpecs
{
    [Fact]
    public void Should_name_a_variable_for_every_key_and_no_two_alike()
    {
        Assert.Equal("GWLBTUN_FLOWS_IDLE_TIMEOUT_TCP", SettingKeys.FlowsIdleTcp.EnvironmentName);
        Assert.Equal(SettingKeys.All.Count, SettingKeys.All.Select(k => k.EnvironmentName).Distinct().Count());
    }

    [Fact]
    public void Should_take_values_from_variables()
    {
        GatewaySettings s = Decide.Settings("", new()
        {
            ["GWLBTUN_GENEVE_PORT"] = "6082",
            ["GWLBTUN_HOOKS_CREATE"] = "X=1 ./a.sh # {",
            ["GWLBTUN_HOOKS_ENVIRONMENT"] = "A=1; B=c = d;C=",
            ["GWLBTUN_FLOWS_RESERVE"] = "1,2,3,4,5,6 eni-7:6,5,4,3,2,1; 8:1,1,1,1,1,1",
            ["GWLBTUN_THREADS_UDP_AFFINITY"] = "1-2",
            ["GWLBTUN_HOOKS_DESTROY"] = "",
            ["PATH"] = "/bin",
        });

        Assert.Equal(6082, s.Geneve.Port);
        Assert.Equal("X=1 ./a.sh # {", s.Hooks.Create?.Text);
        Assert.Null(s.Hooks.Destroy);
        Assert.Equal(new() { ["A"] = "1", ["B"] = "c = d", ["C"] = "" }, new Dictionary<string, string>(s.Hooks.Environment));
        Assert.Equal([null, 7ul, 8ul], s.Flows.Reserve.Select(r => r.EniId));
        Assert.Equal([1, 2], s.Threads.Udp.Cores);
    }

    [Theory]
    [InlineData("GWLBTUN_SERVICE_HOST", "10.0.0.1")]
    [InlineData("GWLBTUN_SERVICE_PORT", "8060")]
    [InlineData("GWLBTUN_SERVICE_PORT_HEALTH", "8060")]
    [InlineData("GWLBTUN_PORT", "tcp://10.0.0.1:8060")]
    [InlineData("GWLBTUN_PORT_8060_TCP", "tcp://10.0.0.1:8060")]
    [InlineData("GWLBTUN_PORT_8060_TCP_PROTO", "tcp")]
    [InlineData("GWLBTUN_PORT_8060_TCP_PORT", "8060")]
    [InlineData("GWLBTUN_PORT_6081_UDP_ADDR", "10.0.0.1")]
    [InlineData("GWLBTUN_NODE_SERVICE_HOST", "10.0.0.1")]
    [InlineData("GWLBTUN_HEALTH_PORT", "tcp://10.0.0.1:8060")]
    [InlineData("GWLBTUN_ACTION", "CREATE")]
    [InlineData("GWLBTUN_IN_INTERFACE", "gwi-0")]
    [InlineData("GWLBTUN_OUT_INTERFACE", "gwo-0")]
    [InlineData("GWLBTUN_ENI", "00000000000000000")]
    [InlineData("GWLBTUN_VPCE_ID", "vpce-00000000000000000")]
    [InlineData("GWLBTUN_NETNS", "x")]
    public void Should_ignore_what_others_set(string name, string value)
    {
        GatewaySettings s = Decide.Settings("", new() { [name] = value });

        Assert.Equal(0, s.Health.Port);
    }

    [Theory]
    [InlineData("GWLBTUN_HEALTH_PROT", "8060", "environment variable GWLBTUN_HEALTH_PROT: there is no key of this name. Did you mean GWLBTUN_HEALTH_PORT?")]
    [InlineData("GWLBTUN_PORT", "8060", "environment variable GWLBTUN_PORT: there is no key of this name.")]
    [InlineData("GWLBTUN_", "1", "environment variable GWLBTUN_: there is no key of this name.")]
    [InlineData("GWLBTUN_HOOKS_ENVIRONMENT", "A=1;B", "hooks.environment (environment variable GWLBTUN_HOOKS_ENVIRONMENT): 'B without =' is not the name of a variable.")]
    [InlineData("GWLBTUN_HEALTH_PORT", "", "health.port (environment variable GWLBTUN_HEALTH_PORT): '' is not a number from 0 to 65535.")]
    [InlineData("GWLBTUN_THREADS_TUNNEL_AFFINITY", "9", "threads.tunnel-affinity (environment variable GWLBTUN_THREADS_TUNNEL_AFFINITY): core 9 is not available to this process. It may run on 0-7.")]
    public void Should_refuse_unknown_variables_and_wrong_values(string name, string value, string expected) =>
        Assert.Contains($"  {expected}", Decide.Error(Decide.OfLine("", new() { [name] = value })), StringComparison.Ordinal);
}
