using System.Text.Json;
using Gwlbtun.Actors.CommandLine;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Tests.Configuration;
using Xunit;

namespace Gwlbtun.Actors.Tests.CommandLine;

public sealed class PrintConfigurationSpecs : IDisposable
{
    private readonly TemporaryFiles _files = new();

    [Fact]
    public void Should_say_where_each_value_was_written()
    {
        string file = _files.Write("a.conf", "geneve {\n  port = 6082\n}\nakka { loglevel = DEBUG }");

        string[] lines = Print(["--config", file, "-p", "8060"], new() { ["GWLBTUN_TUNNEL_MTU"] = "1500" }).Split('\n');

        Assert.Contains($"geneve.port = 6082  # {file}:2", lines);
        Assert.Contains("tunnel.mtu = 1500  # environment variable GWLBTUN_TUNNEL_MTU", lines);
        Assert.Contains("health.port = 8060  # option -p, --port", lines);
        Assert.Contains("geneve.receive-buffer = 128 MiB  # default", lines);
        Assert.Contains($"  loglevel = DEBUG  # {file}:4", lines);
        Assert.Contains("    exit-clr = off  # default", lines);
        Assert.All(SettingKeys.All, k => Assert.Single(lines, l => l.StartsWith($"{k.Path} = ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("-jsp 8060 -i 400 -t 60 --udpaffinity 1-2,4 --tunthreads 3 --rcvbuf 1 --no-return -d", "")]
    [InlineData("--reserve 1,2,3,4,5,6 --reserve vpce-7:1,1,1,1,1,1", "")]
    [InlineData("", "hooks.create = \"X=\\\"1\\\" ./a.sh 'b' >> /tmp/x\\\\y 2>&1 # no comment ${NOT} é\"")]
    [InlineData("", "hooks.environment { A = 1, B = \"x; y = \\\"z\\\"\" }")]
    [InlineData("", "akka { actor { \"a.b/c\" = \"x // y\", list = [1, \"2 3\"], n = null, e = \"\" } , loglevel = OFF }")]
    public void Should_give_the_same_settings_when_read_again(string line, string hocon)
    {
        string file = _files.Write("first.conf", hocon);
        string[] arguments = ["--config", file, .. line.Split(' ', StringSplitOptions.RemoveEmptyEntries)];

        string printed = _files.Write("printed.conf", Print(arguments, Decide.NoEnvironment));

        Assert.Equal(Describe(Decide.Settings(arguments)), Describe(Decide.Settings(["--config", printed])));
    }

    public void Dispose() => _files.Dispose();

    private static string Print(string[] arguments, Dictionary<string, string> environment)
    {
        var exit = Assert.IsType<StartupDecision.Exit>(Decide.Of([.. arguments, "--print-config"], environment));
        Assert.Equal((0, ""), (exit.Code, exit.Error));
        return exit.Output;
    }

    // Records compare lists by reference; all their parts as text do not.
    private static string Describe(GatewaySettings s) => JsonSerializer.Serialize(new
    {
        Geneve = s.Geneve.ToString(),
        s.Threads,
        s.Tunnel,
        s.Flows,
        s.Hooks,
        s.Health,
        s.Shutdown,
        s.Logging,
        s.Restart,
        Akka = s.Akka.ToString(),
    });
}
