using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Tests.Configuration;
using Xunit;

namespace Gwlbtun.Actors.Tests.CommandLine;

/// <summary>Lines that were written for the C++ handler mean what they meant there.</summary>
public class CppCommandLineSpecs
{
    [Theory]
    [InlineData("-p 8060")]
    [InlineData("-p8060")]
    [InlineData("--port=8060")]
    [InlineData("--port 8060")]
    [InlineData("--por 8060")]
    [InlineData("--p=8060")]
    [InlineData("-p 1 --port 2 -p8060")]
    [InlineData("-sp 8060")]
    [InlineData("-sjp8060")]
    [InlineData("-p 8060 --")]
    [InlineData("-p 08060")]
    public void Should_take_an_argument_in_every_form(string line) => Assert.Equal(8060, Decide.Settings(line).Health.Port);

    [Theory]
    [InlineData("", HealthFormat.Text, false)]
    [InlineData("-j", HealthFormat.Json, false)]
    [InlineData("--json", HealthFormat.Json, false)]
    [InlineData("--js", HealthFormat.Json, false)]
    [InlineData("-s", HealthFormat.Text, true)]
    [InlineData("-js", HealthFormat.Json, true)]
    [InlineData("-sj", HealthFormat.Json, true)]
    [InlineData("-j -s -j", HealthFormat.Json, true)]
    public void Should_take_flags_alone_and_in_clusters(string line, HealthFormat format, bool statusOnly) =>
        Assert.Equal(new HealthSettings(0, format, statusOnly), Decide.Settings(line).Health);

    [Fact]
    public void Should_take_the_line_with_status_only() =>
        Assert.Equal(new HealthSettings(8282, HealthFormat.Text, true), Decide.Settings("-p 8282 -s").Health);

    [Fact]
    public void Should_take_the_line_with_counts_and_affinities()
    {
        ThreadSettings threads = Decide.Settings("--tunthreads 4 --tunaffinity 1-2 --udpthreads 4 --udpaffinity 0-3").Threads;

        Assert.Equal([0, 1, 2, 3], threads.Udp.Cores);
        Assert.Equal([1, 2], threads.Tunnel.Cores);
    }

    [Fact]
    public void Should_run_the_threads_of_missing_cores_unpinned()
    {
        var run = Decide.Run(Decide.OfLine("--tunthreads 4 --tunaffinity 1-2 --udpthreads 4 --udpaffinity 0-3", cores: [0, 1]));

        Assert.Equal([0, 1, null, null], run.Settings.Threads.Udp.Cores);
        Assert.Equal([1, null], run.Settings.Threads.Tunnel.Cores);
        Assert.Contains(run.Notices, n => n.Contains("core 2-3 is not available", StringComparison.Ordinal));
    }

    [Fact]
    public void Should_take_the_line_with_both_hooks()
    {
        using var files = new TemporaryFiles();
        string a = files.Write("a.sh", "#!/bin/sh\n", executable: true);
        string b = files.Write("b.sh", "#!/bin/sh\n", executable: true);

        HookSettings hooks = Decide.Settings(["-c", a, "-r", b]).Hooks;

        Assert.Equal((a, b), (hooks.Create?.Text, hooks.Destroy?.Text));
        Assert.Equal(a, Decide.Settings([$"-jc{a}"]).Hooks.Create?.Text);
        Assert.Equal(b, Decide.Settings(["--cmdd", b]).Hooks.Destroy?.Text);
    }

    [Theory]
    [InlineData("X=1 ./hook.sh --flag >> /var/log/h 2>&1")]
    [InlineData("-x")]
    [InlineData("--port")]
    [InlineData("@file")]
    [InlineData(":x")]
    [InlineData("[diagram]")]
    [InlineData("\"quoted\" arg")]
    [InlineData(" leading")]
    public void Should_take_any_text_as_an_argument(string text)
    {
        // A path of these letters does not exist; with a redirection it is the shell's business.
        string command = text + " 2>&1";

        Assert.Equal(command.Trim(), Decide.Settings(["-c", command]).Hooks.Create?.Text);
        Assert.Equal(command.Trim(), Decide.Settings(["--cmdnew", command]).Hooks.Create?.Text);
        Assert.Equal(command.Trim(), Decide.Settings([$"--cmdnew={command}"]).Hooks.Create?.Text);
        Assert.Equal(command.Trim(), Decide.Settings([$"-c{command}"]).Hooks.Create?.Text);
    }

    [Fact]
    public void Should_take_an_empty_argument()
    {
        Assert.Null(Decide.Settings(["-c", ""]).Hooks.Create);
        Assert.Null(Decide.Settings(["--cmdnew=", "-j"]).Hooks.Create);
        Assert.Equal(HealthFormat.Json, Decide.Settings(["--cmdnew=", "-j"]).Health.Format);
    }

    [Theory]
    [InlineData("-t 60", 60)]
    [InlineData("--timeout 60", 60)]
    [InlineData("--ti 60", 60)]
    [InlineData("-t 0", 0)]
    public void Should_take_the_tunnel_timeout_in_seconds(string line, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Decide.Settings(line).Tunnel.IdleTimeout);

    [Theory]
    [InlineData("-i 400")]
    [InlineData("--idle 400")]
    [InlineData("--i 400")]
    public void Should_take_the_idle_timeout_of_tcp_alone(string line) => Assert.Equal(
        new FlowIdleTimeouts(TimeSpan.FromSeconds(400), TimeSpan.FromSeconds(120), TimeSpan.FromSeconds(120)),
        Decide.Settings(line).Flows.IdleTimeout);

    [Theory]
    [InlineData("--udpthreads 3", 3, 8)]
    [InlineData("--tunthreads 256", 8, 256)]
    [InlineData("--udpthreads 0 --tunthreads 0", 1, 1)]
    [InlineData("--udpaffinity 1-2,4,7 --udpthreads 9", 4, 8)]
    [InlineData("--tunaffinity 5", 8, 1)]
    public void Should_take_thread_counts(string line, int udp, int tunnel)
    {
        ThreadSettings threads = Decide.Settings(line).Threads;

        Assert.Equal((udp, tunnel), (threads.Udp.Count, threads.Tunnel.Count));
    }

    [Theory]
    [InlineData("-d", SectionLevel.Debug, SectionLevel.Debug)]
    [InlineData("--debug", SectionLevel.Debug, SectionLevel.Debug)]
    [InlineData("--logging all=info", SectionLevel.Info, SectionLevel.Info)]
    [InlineData("--logging core=critical", SectionLevel.Critical, SectionLevel.Important)]
    [InlineData("--logging ALL=Info,Core=DEBUGDETAIL", SectionLevel.DebugDetail, SectionLevel.Info)]
    [InlineData("--logging core=debug,all=info", SectionLevel.Info, SectionLevel.Info)]
    [InlineData("--logging core=debug --logging tunnel=info", SectionLevel.Important, SectionLevel.Info)]
    [InlineData("-d --logging core=info", SectionLevel.Info, SectionLevel.Important)]
    [InlineData("--logging core=info -d", SectionLevel.Debug, SectionLevel.Debug)]
    [InlineData("--log=tunnel=debug", SectionLevel.Important, SectionLevel.Debug)]
    public void Should_take_logging_levels(string line, SectionLevel core, SectionLevel tunnel)
    {
        LoggingSettings logging = Decide.Settings(line).Logging;

        Assert.Equal((core, tunnel), (logging.Core, logging.Tunnel));
    }

    [Theory]
    [InlineData("--logging foo=debug,core=info", "'foo' is no section (core, udp, geneve, tunnel, healthcheck, os, ebpf, all)")]
    [InlineData("--logging tunnel=loud,core=info", "'loud' is no level (critical, important, info, debug, debugdetail)")]
    [InlineData("--logging debug,core=info", "'debug' is ignored: it is not SECTION=LEVEL")]
    public void Should_report_and_ignore_wrong_logging_words(string line, string notice)
    {
        var run = Decide.Run(Decide.OfLine(line));

        Assert.Contains(run.Notices, n => n.Contains(notice, StringComparison.Ordinal));
        Assert.Equal((SectionLevel.Info, SectionLevel.Important), (run.Settings.Logging.Core, run.Settings.Logging.Tunnel));
    }

    [Fact]
    public void Should_take_what_version_3_2_added()
    {
        GatewaySettings s = Decide.Settings("--rcvbuf 256 --busypoll 50 --reserve 1,2,3,4,5,6 --reserve=vpce-0b8ee1d4db0c51c0:6,5,4,3,2,1 --logging os=debug,ebpf=info");

        Assert.Equal((256 << 20, 50), (s.Geneve.ReceiveBufferBytes, s.Geneve.BusyPollMicroseconds));
        Assert.Equal([new FlowReservation(null, 1, 2, 3, 4, 5, 6), new FlowReservation(0x0b8ee1d4db0c51c0, 6, 5, 4, 3, 2, 1)], s.Flows.Reserve);
        Assert.Equal((SectionLevel.Debug, SectionLevel.Info), (s.Logging.Os, s.Logging.Ebpf));
    }

    [Fact]
    public void Should_replace_the_reservations_of_a_file()
    {
        using var files = new TemporaryFiles();
        string file = files.Write("a.conf", "flows.reserve = [\"9,9,9,9,9,9\"]");

        Assert.Equal([new FlowReservation(null, 1, 2, 3, 4, 5, 6)], Decide.Settings(["--config", file, "--reserve", "1,2,3,4,5,6"]).Flows.Reserve);
    }

    [Theory]
    [InlineData("-e obj.o", "option -e, --ebpf has no effect.")]
    [InlineData("--ebpf obj.o", "option -e, --ebpf has no effect.")]
    [InlineData("-I eth0 -I eth1", "option -I, --ebpf-interface has no effect.")]
    [InlineData("--ebpf-interface=eth0", "option -I, --ebpf-interface has no effect.")]
    [InlineData("operand -j", "'operand' is ignored: it is not an option.")]
    [InlineData("-j -- -s", "'-s' is ignored: it is not an option.")]
    public void Should_accept_what_has_no_effect_with_one_notice(string line, string notice)
    {
        var run = Decide.Run(Decide.OfLine(line));

        Assert.Equal([notice], run.Notices);
        Assert.False(run.Settings.Health.StatusOnly);
    }
}
