using Xunit;

namespace Gwlbtun.Actors.Tests.Configuration;

public class ConfigurationErrorsSpecs
{
    [Theory]
    [InlineData("geneve { prot = 1 }", "geneve.prot (FILE:1): there is no such key. Did you mean geneve.port?")]
    [InlineData("\n\ngenve.port = 1", "genve.port (FILE:3): there is no such key. Did you mean geneve.port?")]
    [InlineData("drain = 5s", "drain (FILE:1): there is no such key. Did you mean shutdown.drain?")]
    [InlineData("zzz { a = 1 }", "zzz.a (FILE:1): there is no such key.")]
    [InlineData("zzz { }", "zzz (FILE:1): there is no such key.")]
    [InlineData("geneve = 5", "geneve (FILE:1): this is a section, not a value. Write geneve { ... }.")]
    [InlineData("akka = 5", "akka (FILE:1): this is a section, not a value. Write akka { ... }.")]
    [InlineData("geneve.port { a = 1 }", "geneve.port (FILE:1): a section is not a number from 1 to 65535.")]
    [InlineData("geneve.port = [1]", "geneve.port (FILE:1): a list is not a number from 1 to 65535.")]
    [InlineData("geneve.port = abc", "geneve.port (FILE:1): 'abc' is not a number from 1 to 65535.")]
    [InlineData("geneve.port = 0", "geneve.port (FILE:1): '0' is not a number from 1 to 65535.")]
    [InlineData("geneve.port = 65536", "geneve.port (FILE:1): '65536' is not a number from 1 to 65535.")]
    [InlineData("geneve.port = 99999999999999", "geneve.port (FILE:1): '99999999999999' is not a number from 1 to 65535.")]
    [InlineData("geneve.bind = \"::\"", "geneve.bind (FILE:1): '::' is not an IPv4 address.")]
    [InlineData("geneve.receive-buffer = 2 GiB", "geneve.receive-buffer (FILE:1): '2 GiB' is not a size from 64 KiB to 1 GiB such as 128 MiB, 64K or 4096 (bytes).")]
    [InlineData("threads.udp = 0", "threads.udp (FILE:1): '0' is not auto or a number from 1 to 1024.")]
    [InlineData("threads.tunnel = 257", "threads.tunnel (FILE:1): '257' is not auto or a number from 1 to 256.")]
    [InlineData("threads.udp-affinity = 0-9", "threads.udp-affinity (FILE:1): core 8-9 is not available to this process. It may run on 0-7.")]
    [InlineData("tunnel.mtu = 1279", "tunnel.mtu (FILE:1): '1279' is not a number from 1280 to 65535.")]
    [InlineData("tunnel.return-traffic = 1", "tunnel.return-traffic (FILE:1): '1' is not on or off.")]
    [InlineData("flows.idle-timeout.tcp = 0s", "flows.idle-timeout.tcp (FILE:1): '0s' is not a duration from 1s to 365d such as 350s, 2m or 120 (seconds).")]
    [InlineData("flows.tcp-closing-timeout = -1s", "flows.tcp-closing-timeout (FILE:1): '-1s' is not a duration from 0s to 365d such as 350s, 2m or 120 (seconds).")]
    [InlineData("flows.max-total = 0", "flows.max-total (FILE:1): '0' is not a number from 1 to 1000000000.")]
    [InlineData("flows.fragments.max-per-eni = 0", "flows.fragments.max-per-eni (FILE:1): '0' is not a number from 1 to 1000000.")]
    [InlineData("flows.fragments.timeout = 0s", "flows.fragments.timeout (FILE:1): '0s' is not a duration from 1s to 1d such as 350s, 2m or 120 (seconds).")]
    [InlineData("flows.fragments.wait = 11s", "flows.fragments.wait (FILE:1): '11s' is not a duration from 0s to 10s such as 350s, 2m or 120 (seconds).")]
    [InlineData("flows.fragments { wait = 3s, timeout = 2s }", "flows.fragments.timeout (FILE:1): 2s is less than flows.fragments.wait = 3s (FILE:1).")]
    [InlineData("tunnel.netns = on", "tunnel.netns (FILE:1): 'on' is not one of off, per-endpoint.")]
    [InlineData("tunnel.netns-pattern = gwlb", "tunnel.netns-pattern (FILE:1): 'gwlb' is not a name of letters, digits, - . and _ with {vpce}, {eni} or {name} in it.")]
    [InlineData("tunnel.queue-length = 0", "tunnel.queue-length (FILE:1): '0' is not a number from 1 to 262144.")]
    [InlineData("flows.reserve = [\"1\"]", "flows.reserve (FILE:1): '1' is not a reservation [vpce-ID:]v4TCP,v4UDP,v4Other,v6TCP,v6UDP,v6Other.")]
    [InlineData("hooks.create = /nonexistent/hook", "hooks.create (FILE:1): '/nonexistent/hook' does not exist, or cannot be reached.")]
    [InlineData("hooks.environment { 1A = x }", "hooks.environment (FILE:1): '1A' is not the name of a variable.")]
    [InlineData("hooks.environment { A = [x] }", "hooks.environment (FILE:1): the value of A is not a text.")]
    [InlineData("hooks.environment = [x]", "hooks.environment (FILE:1): a list is not variables such as { NAME = value }.")]
    [InlineData("hooks.environment { GWLBTUN_ENI = x }", "hooks.environment (FILE:1): GWLBTUN_ENI is not for a file to set: what begins with GWLBTUN_ is gwlbtun's own.")]
    [InlineData("hooks.on-create-failure = ignore", "hooks.on-create-failure (FILE:1): 'ignore' is not one of continue, retire.")]
    [InlineData("health.format = xml", "health.format (FILE:1): 'xml' is not one of text, json.")]
    [InlineData("restart.jitter = 1.5", "restart.jitter (FILE:1): '1.5' is not a number from 0 to 1.")]
    [InlineData("restart.jitter = NaN", "restart.jitter (FILE:1): 'NaN' is not a number from 0 to 1.")]
    [InlineData("restart.min-backoff = 20s", "restart.min-backoff (FILE:1): 20s is more than restart.max-backoff = 10s (default).")]
    [InlineData("restart.min-backoff = 3s\nrestart.max-backoff = 2s", "restart.max-backoff (FILE:2): 2s is less than restart.min-backoff = 3s (FILE:1).")]
    [InlineData("tunnel.hold.bytes-total = 1 MiB", "tunnel.hold.bytes-total (FILE:1): 1 MiB is less than tunnel.hold.bytes-per-eni = 8 MiB (default).")]
    [InlineData("logging.core = loud", "logging.core (FILE:1): 'loud' is not one of critical, important, info, debug, debugdetail.")]
    [InlineData("a = 1\n}", "FILE:2: '}' closes nothing that was opened.")]
    [InlineData("health.port = ${X}", "FILE:1: ${X} leads nowhere, or to itself. Write ${?X} if it may be missing.")]
    public void Should_name_key_origin_and_remedy(string file, string expected)
    {
        string error = Decide.ErrorsOfFile(file);

        Assert.Equal($"gwlbtun: there is an error in the configuration; nothing was started.\n  {expected}\n", error);
    }

    [Fact]
    public void Should_report_all_errors_of_all_layers_together()
    {
        string error = Decide.ErrorsOfFile(
            "geneve.prot = 1\nhealth.port = x\ntunnel.mtu = 1",
            ["-t", "zz", "--udpthreads", "many"],
            new() { ["GWLBTUN_GENEVE_PROT"] = "1", ["GWLBTUN_GENEVE_BIND"] = "nowhere" });

        Assert.Equal(
            """
            gwlbtun: there are 7 errors in the configuration; nothing was started.
              geneve.prot (FILE:1): there is no such key. Did you mean geneve.port?
              environment variable GWLBTUN_GENEVE_PROT: there is no key of this name. Did you mean GWLBTUN_GENEVE_PORT?
              geneve.bind (environment variable GWLBTUN_GENEVE_BIND): 'nowhere' is not an IPv4 address.
              threads.udp (option --udpthreads): 'many' is not auto or a number from 1 to 1024.
              tunnel.mtu (FILE:3): '1' is not a number from 1280 to 65535.
              tunnel.idle-timeout (option -t, --timeout): 'zz' is not a duration from 0s to 365d such as 350s, 2m or 120 (seconds).
              health.port (FILE:2): 'x' is not a number from 0 to 65535.

            """,
            error);
    }

    [Fact]
    public void Should_go_on_to_the_other_layers_when_a_file_cannot_be_read()
    {
        string error = Decide.Error(Decide.Of(["--config", "/nonexistent.conf", "-p", "x"]));

        Assert.Contains("option --config: cannot read /nonexistent.conf", error, StringComparison.Ordinal);
        Assert.Contains("health.port (option -p, --port): 'x' is not", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Should_find_an_error_in_an_included_file()
    {
        using var files = new TemporaryFiles();
        string inner = files.Write("inner.conf", "\nport = abc\n");
        string main = files.Write("main.conf", "geneve { include \"inner.conf\" }");

        Assert.Contains($"geneve.port ({inner}:2): 'abc' is not", Decide.Error(Decide.Of(["--config", main])), StringComparison.Ordinal);
    }
}
