using System.Net;
using Gwlbtun.Actors.Configuration;
using Xunit;

namespace Gwlbtun.Actors.Tests.Configuration;

public class ConfigurationLoaderSpecs
{
    [Fact]
    public void Should_have_the_documented_defaults()
    {
        GatewaySettings s = Decide.Settings("");

        Assert.Equal(new GeneveSettings(6081, IPAddress.Any, 128 << 20, 256, 0, Takeover: false), s.Geneve);
        Assert.Equal(new int?[8], s.Threads.Udp.Cores);
        Assert.Equal(new int?[8], s.Threads.Tunnel.Cores);
        Assert.True(s.Threads is { AreFused: true, Gather: true, SpinMicroseconds: 0, Nice: -10 });
        Assert.Equal(new TunnelSettings(8500, true, true, TimeSpan.Zero, 1024, 64, 4096, true, Netns: null, new OffloadSettings(true, true, true, true, true, true, true), new HoldSettings(4096, 8 << 20, 64 << 20)), s.Tunnel);
        Assert.Equal(new FlowIdleTimeouts(TimeSpan.FromSeconds(350), TimeSpan.FromSeconds(120), TimeSpan.FromSeconds(120)), s.Flows.IdleTimeout);
        Assert.Equal((2_000_000, 2_000_000, true, TimeSpan.Zero), (s.Flows.MaxPerEni, s.Flows.MaxTotal, s.Flows.Prefetch, s.Flows.TcpClosingTimeout));
        Assert.Equal(new FragmentSettings(16384, TimeSpan.FromSeconds(30), TimeSpan.FromMilliseconds(100)), s.Flows.Fragments);
        Assert.Empty(s.Flows.Reserve);
        Assert.Empty(s.Hooks.Environment);
        Assert.Equal(new HookSettings(null, null, s.Hooks.Environment, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(5), 8, CreateFailureAction.Continue), s.Hooks);
        Assert.Equal(new HealthSettings(0, HealthFormat.Text, false), s.Health);
        Assert.Equal(new ShutdownSettings(TimeSpan.Zero), s.Shutdown);
        Assert.Equal(new RestartSettings(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(10), 0.2, 10, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5)), s.Restart);
        Assert.Equal(AllAt(SectionLevel.Important), s.Logging);
    }

    [Fact]
    public void Should_let_the_later_layer_win()
    {
        const string File = "health.port = 1\ngeneve.port = 11\nflows.max-per-eni = 111\n";
        var environment = new Dictionary<string, string> { ["GWLBTUN_HEALTH_PORT"] = "2", ["GWLBTUN_GENEVE_PORT"] = "22" };
        using var files = new TemporaryFiles();

        GatewaySettings s = Decide.Run(Decide.Of(["--config", files.Write("a.conf", File), "-p", "3"], environment)).Settings;

        Assert.Equal((3, 22, 111, 1024), ((int)s.Health.Port, (int)s.Geneve.Port, s.Flows.MaxPerEni, s.Tunnel.MaxEnis));
    }

    [Fact]
    public void Should_take_every_key_from_a_file()
    {
        GatewaySettings s = Decide.SettingsOfFile("""
            geneve { port = 6082, bind = 10.0.0.1, receive-buffer = 1 MiB, batch = 9, busy-poll = 50, takeover = yes }
            threads { udp = 3, udp-affinity = "", tunnel = 2, tunnel-affinity = "1-2,7", fused = off, gather = off, spin = 60, nice = 5 }
            tunnel {
              mtu = 1500, return-traffic = false, manage-rp-filter = no, idle-timeout = 5m, max-enis = 2, budget = 8, queue-length = 512, steering = off
              netns = per-endpoint, netns-pattern = "x-{eni}"
              offload { send = off, join = off, into-tcp = off, out-of-tcp = off }
              hold { packets-per-eni = 10, bytes-per-eni = 100 KiB, bytes-total = 1 MiB }
            }
            flows {
              idle-timeout { tcp = 400, udp = 60s, other = 30s }, tcp-closing-timeout = 20s, max-per-eni = 1000, max-total = 3000, prefetch = off
              fragments { max-per-eni = 5, timeout = 2s, wait = 0 }, reserve = ["1,2,3,4,5,6", "eni-7:6,5,4,3,2,1"]
            }
            hooks { create = "X=1 a", destroy = "X=1 b", environment { A = 1, b_2 = "c = d; e", C = null }, timeout = 1s, kill-grace = 0s, parallelism = 1, on-create-failure = retire }
            health { port = 80, format = JSON, status-only = true }
            shutdown.drain = 30s
            restart { min-backoff = 1s, max-backoff = 2s, jitter = 0, max-tries = 3, window = 4s, park-timeout = 5s }
            logging { core = debug, udp = critical, geneve = info, tunnel = DebugDetail, healthcheck = important, os = debug, ebpf = debug }
            akka { loglevel = ERROR, actor.debug.unhandled = on, "weird/key" = "a \"b\" ${c}" }
            """);

        Assert.Equal(new GeneveSettings(6082, IPAddress.Parse("10.0.0.1"), 1 << 20, 9, 50, Takeover: true), s.Geneve);
        Assert.Equal(new int?[3], s.Threads.Udp.Cores);
        Assert.Equal([1, 2, 7], s.Threads.Tunnel.Cores);
        Assert.True(s.Threads is { AreFused: false, Gather: false, SpinMicroseconds: 60, Nice: 5 });
        Assert.Equal(new TunnelSettings(1500, false, false, TimeSpan.FromMinutes(5), 2, 8, 512, false, s.Tunnel.Netns, new OffloadSettings(true, false, false, false, true, false, true), new HoldSettings(10, 100 << 10, 1 << 20)), s.Tunnel);
        Assert.Equal("x-{eni}", s.Tunnel.Netns?.Text);
        Assert.Equal(new FlowIdleTimeouts(TimeSpan.FromSeconds(400), TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(30)), s.Flows.IdleTimeout);
        Assert.Equal((1000, 3000, false, TimeSpan.FromSeconds(20)), (s.Flows.MaxPerEni, s.Flows.MaxTotal, s.Flows.Prefetch, s.Flows.TcpClosingTimeout));
        Assert.Equal(new FragmentSettings(5, TimeSpan.FromSeconds(2), TimeSpan.Zero), s.Flows.Fragments);
        Assert.Equal([new FlowReservation(null, 1, 2, 3, 4, 5, 6), new FlowReservation(7, 6, 5, 4, 3, 2, 1)], s.Flows.Reserve);
        Assert.Equal(("X=1 a", "X=1 b"), (s.Hooks.Create?.Text, s.Hooks.Destroy?.Text));
        Assert.Equal(new() { ["A"] = "1", ["b_2"] = "c = d; e" }, new Dictionary<string, string>(s.Hooks.Environment));
        Assert.Equal((TimeSpan.FromSeconds(1), TimeSpan.Zero, 1, CreateFailureAction.Retire), (s.Hooks.Timeout, s.Hooks.KillGrace, s.Hooks.Parallelism, s.Hooks.OnCreateFailure));
        Assert.Equal(new HealthSettings(80, HealthFormat.Json, true), s.Health);
        Assert.Equal(new ShutdownSettings(TimeSpan.FromSeconds(30)), s.Shutdown);
        Assert.Equal(new RestartSettings(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), 0, 3, TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(5)), s.Restart);
        Assert.Equal(
            new LoggingSettings(SectionLevel.Debug, SectionLevel.Critical, SectionLevel.Info, SectionLevel.DebugDetail, SectionLevel.Important, SectionLevel.Debug, SectionLevel.Debug),
            s.Logging);
        Assert.Equal("ERROR", s.Akka.GetString("akka.loglevel"));
        Assert.True(s.Akka.GetBoolean("akka.actor.debug.unhandled"));
        Assert.Equal("a \"b\" ${c}", s.Akka.GetString("akka.\"weird/key\""));
    }

    [Theory]
    [InlineData("", "WARNING")]
    [InlineData("logging.core = critical", "ERROR")]
    [InlineData("logging.core = info", "INFO")]
    [InlineData("logging.core = debugdetail", "DEBUG")]
    [InlineData("logging.core = debug\nakka.loglevel = OFF", "OFF")]
    public void Should_let_akka_log_what_its_section_lets_through(string file, string expected) =>
        Assert.Equal(expected, Decide.SettingsOfFile(file).Akka.GetString("akka.loglevel"));

    [Fact]
    public void Should_keep_akka_from_ending_the_process()
    {
        Akka.Configuration.Config akka = Decide.Settings("").Akka;

        Assert.False(akka.GetBoolean("akka.coordinated-shutdown.exit-clr", @default: true));
        Assert.False(akka.GetBoolean("akka.coordinated-shutdown.run-by-clr-shutdown-hook", @default: true));
    }

    [Fact]
    public void Should_resolve_substitutions_from_file_defaults_and_environment()
    {
        var environment = new Dictionary<string, string> { ["HEALTH"] = "8080" };

        GatewaySettings s = Decide.SettingsOfFile(
            "health.port = ${HEALTH}\nflows.idle-timeout.udp = ${flows.idle-timeout.tcp}\nflows.idle-timeout.tcp = 99s\ntunnel.mtu = ${?NOT_SET}\nrestart.window = ${hooks.timeout}",
            environment);

        TimeSpan tcp = TimeSpan.FromSeconds(99);
        Assert.Equal(
            (8080, tcp, tcp, 8500, TimeSpan.FromSeconds(30)),
            ((int)s.Health.Port, s.Flows.IdleTimeout.Udp, s.Flows.IdleTimeout.Tcp, s.Tunnel.Mtu, s.Restart.Window));
    }

    [Fact]
    public void Should_leave_a_key_that_is_null_to_the_layers_below() => Assert.Equal(6081, Decide.SettingsOfFile("geneve.port = null").Geneve.Port);

    [Fact]
    public void Should_accept_the_defaults_given_as_a_file()
    {
        GatewaySettings s = Decide.SettingsOfFile(ConfigurationLoader.DefaultsText());

        Assert.Equal(Decide.Settings("").Tunnel, s.Tunnel);
    }

    [Theory]
    [InlineData(new[] { 0, 1, 2 }, 3)]
    [InlineData(new[] { 5 }, 1)]
    public void Should_have_as_many_threads_as_cores_that_the_process_may_run_on(int[] cores, int expected)
    {
        ThreadSettings threads = Decide.Run(Decide.OfLine("", cores: cores)).Settings.Threads;

        Assert.Equal((expected, expected), (threads.Udp.Count, threads.Tunnel.Count));
    }

    [Fact]
    public void Should_bound_the_automatic_count_by_the_queues_of_a_device()
    {
        ThreadSettings threads = Decide.Run(Decide.OfLine("", cores: [.. Enumerable.Range(0, 300)])).Settings.Threads;

        Assert.Equal((300, SettingKeys.MaximumTunnelThreads), (threads.Udp.Count, threads.Tunnel.Count));
    }

    private static LoggingSettings AllAt(SectionLevel level) => new(level, level, level, level, level, level, level);
}
