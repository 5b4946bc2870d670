using Gwlbtun.Actors.CommandLine;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Tests.Configuration;
using Xunit;

namespace Gwlbtun.Actors.Tests.CommandLine;

public class UsageSpecs
{
    [Theory]
    [InlineData("--bogus", "unknown option --bogus")]
    [InlineData("--bogus=1", "unknown option --bogus")]
    [InlineData("--Port 80", "unknown option --Port")]
    [InlineData("-z", "unknown option -z")]
    [InlineData("-x", "unknown option -x")]
    [InlineData("-jz", "unknown option -z in -jz")]
    [InlineData("-p", "option -p needs an argument: PORT")]
    [InlineData("-jp", "option -p needs an argument: PORT")]
    [InlineData("--port", "option --port needs an argument: PORT")]
    [InlineData("--po", "option --po needs an argument: PORT")]
    [InlineData("--json=1", "option --json takes no argument")]
    [InlineData("--cmd x", "option --cmd is ambiguous: --cmdnew, --cmddel")]
    [InlineData("--udp 1", "option --udp is ambiguous: --udpthreads, --udpaffinity")]
    [InlineData("---", "unknown option ---")]
    public void Should_name_the_option_and_print_the_help_on_standard_error(string line, string message)
    {
        string error = Decide.Error(Decide.OfLine(line));

        Assert.StartsWith($"gwlbtun: {message}\n\n", error, StringComparison.Ordinal);
        Assert.EndsWith(HelpText.Write(), error, StringComparison.Ordinal);
    }

    [Fact]
    public void Should_report_every_wrong_option_and_what_else_is_wrong_with_the_configuration_at_once()
    {
        string error = Decide.ErrorsOfFile("geneve.prot = 1", ["--bogus", "-zj", "--udp", "4", "-p", "x", "--port"]);

        Assert.Equal(
            $"""
            gwlbtun: unknown option --bogus
            gwlbtun: unknown option -z in -zj
            gwlbtun: option --udp is ambiguous: --udpthreads, --udpaffinity
            gwlbtun: option --port needs an argument: PORT
            gwlbtun: there are 2 errors in the configuration; nothing was started.
              geneve.prot (FILE:1): there is no such key. Did you mean geneve.port?
              health.port (option -p, --port): 'x' is not a number from 0 to 65535.

            {HelpText.Write()}
            """,
            error);
    }

    [Theory]
    [InlineData("--bogus --version")]
    [InlineData("--bogus --help")]
    [InlineData("--bogus --print-config")]
    public void Should_not_do_what_was_asked_when_an_option_is_wrong(string line) =>
        Assert.StartsWith("gwlbtun: unknown option --bogus\n\n", Decide.Error(Decide.OfLine(line)), StringComparison.Ordinal);

    [Theory]
    [InlineData("-p abc", "health.port (option -p, --port): 'abc' is not a number from 0 to 65535.")]
    [InlineData("-p 99999", "health.port (option -p, --port): '99999' is not a number from 0 to 65535.")]
    [InlineData("-p -1", "health.port (option -p, --port): '-1' is not a number from 0 to 65535.")]
    [InlineData("-p 80x", "health.port (option -p, --port): '80x' is not a number from 0 to 65535.")]
    [InlineData("--udpthreads x", "threads.udp (option --udpthreads): 'x' is not auto or a number from 1 to 1024.")]
    [InlineData("--tunthreads 257", "threads.tunnel (option --tunthreads): '257' is not auto or a number from 1 to 256.")]
    [InlineData("--udpaffinity 3-1", "threads.udp-affinity (option --udpaffinity): '3-1' is not a list of at most 1024 cores such as 1-2,4,7-8.")]
    [InlineData("--rcvbuf x", "geneve.receive-buffer (option --rcvbuf): 'x' is not a size from 64 KiB to 1 GiB such as 128 MiB, 64K or 4096 (bytes).")]
    [InlineData("--busypoll x", "geneve.busy-poll (option --busypoll): 'x' is not a number from 0 to 1000000.")]
    [InlineData("--bind ::", "geneve.bind (option --bind): '::' is not an IPv4 address.")]
    [InlineData("--reserve 1,2", "flows.reserve (option --reserve): '1,2' is not a reservation [vpce-ID:]v4TCP,v4UDP,v4Other,v6TCP,v6UDP,v6Other.")]
    [InlineData("-c /nonexistent/a.sh", "hooks.create (option -c, --cmdnew): '/nonexistent/a.sh' does not exist, or cannot be reached.")]
    public void Should_refuse_a_wrong_argument(string line, string message) => Assert.Equal(
        $"gwlbtun: there is an error in the configuration; nothing was started.\n  {message}\n",
        Decide.Error(Decide.OfLine(line)));

    [Theory]
    [InlineData("-h")]
    [InlineData("-?")]
    [InlineData("--help")]
    [InlineData("--he")]
    [InlineData("-jh")]
    [InlineData("-p abc -h --bogus")]
    public void Should_print_the_help_on_standard_output(string line) =>
        Assert.Equal(new StartupDecision.Exit(0, HelpText.Write(), ""), Decide.OfLine(line));

    [Fact]
    public void Should_name_every_option_and_word_in_the_help()
    {
        string help = HelpText.Write();

        Assert.All(CommandOptions.All, o => Assert.Contains($"  {o.Forms}{(o.Argument is null ? "" : " " + o.Argument)}", help, StringComparison.Ordinal));
        Assert.All(SectionLevels.Sections, s => Assert.Contains($" {s} ", help, StringComparison.Ordinal));
        Assert.All(SectionLevels.Words, w => Assert.Contains(w.Word, help, StringComparison.Ordinal));
        Assert.All(help.Split('\n'), l => Assert.True(l.Length <= 105 && l.TrimEnd() == l, l));
    }

    [Fact]
    public void Should_print_the_version() => Assert.Matches(@"^gwlbtun \d+\.\d+\.\d+\S*( \([0-9a-f]{10}\))?\n$", Exit("--version").Output);

    [Fact]
    public void Should_know_the_new_options()
    {
        using var files = new TemporaryFiles();
        string file = files.Write("a.conf", "health.port = 80");

        GatewaySettings s = Decide.Settings(["--config", file, "--no-return", "--bind", "127.0.0.1", "--takeover"]);

        Assert.Equal((80, false, "127.0.0.1", true), ((int)s.Health.Port, s.Tunnel.ReturnTraffic, s.Geneve.Bind.ToString(), s.Geneve.Takeover));
    }

    [Theory]
    [InlineData("--b 5", "--busypoll")]
    [InlineData("--d", "--debug")]
    [InlineData("--p 5", "--port")]
    [InlineData("--h", "--help")]
    public void Should_keep_old_abbreviations_unique_in_spite_of_new_options(string line, string option) =>
        Assert.StartsWith(option, (option == "--debug" ? "--debug" : GetoptArguments.Read(line.Split(' ')).Canonical[0]), StringComparison.Ordinal);

    [Theory]
    [InlineData("--check-config -p 80", "OK\n", "")]
    [InlineData("--check-config -e x", "OK\n", "gwlbtun: option -e, --ebpf has no effect.\n")]
    public void Should_check_the_configuration(string line, string output, string error) =>
        Assert.Equal(new StartupDecision.Exit(0, output, error), Decide.OfLine(line));

    [Fact]
    public void Should_print_the_errors_when_checking() =>
        Assert.Contains("geneve.prot (FILE:1): there is no such key.", Decide.ErrorsOfFile("geneve.prot = 1", ["--check-config"]), StringComparison.Ordinal);

    private static StartupDecision.Exit Exit(string line) => Assert.IsType<StartupDecision.Exit>(Decide.OfLine(line));
}
