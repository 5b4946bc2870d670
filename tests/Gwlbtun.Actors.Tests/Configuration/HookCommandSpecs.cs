using System.Diagnostics;
using Gwlbtun.Actors.Configuration;
using Xunit;

namespace Gwlbtun.Actors.Tests.Configuration;

public sealed class HookCommandSpecs : IDisposable
{
    private readonly TemporaryFiles _files = new();

    [Fact]
    public void Should_run_a_plain_path_directly()
    {
        string path = _files.Write("hook.sh", "#!/bin/sh\n", executable: true);

        HookCommand command = Parse(path);

        Assert.False(command.UsesShell);
        Assert.Equal([path, "CREATE", "gwi-X", "gwo-X", "00b8ee1d4db0c51c0"], Argv(command));
    }

    [Fact]
    public void Should_find_a_bare_name_in_the_path()
    {
        HookCommand command = Parse("true");

        Assert.False(command.UsesShell);
        Assert.EndsWith("/true", Argv(command)[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Should_give_a_script_without_interpreter_line_to_a_shell()
    {
        string path = _files.Write("hook.sh", "echo hook $1 $4\n", executable: true);

        HookCommand command = Parse(path);

        Assert.True(command.UsesShell);
        Assert.Equal("hook CREATE 00b8ee1d4db0c51c0\n", Output(command));
    }

    [Theory]
    [InlineData("X=1 ./hook.sh --flag >> /var/log/h 2>&1")]
    [InlineData("./hook.sh arg")]
    [InlineData("a;b")]
    [InlineData("a&")]
    [InlineData("a|b")]
    [InlineData("$HOOK")]
    [InlineData("~/hook.sh")]
    [InlineData("./hook*")]
    [InlineData("'./hook'")]
    [InlineData("\"./hook\"")]
    [InlineData("`x`")]
    [InlineData(":")]
    [InlineData("!x")]
    [InlineData("{x}")]
    [InlineData("x=y")]
    public void Should_give_anything_else_to_a_shell(string text)
    {
        HookCommand command = Parse(text);

        Assert.True(command.UsesShell);
        Assert.Equal(["/bin/sh", "-c", text + " \"$@\"", "gwlbtun", "CREATE", "gwi-X", "gwo-X", "00b8ee1d4db0c51c0"], Argv(command));
    }

    [Fact]
    public void Should_pass_assignments_arguments_and_redirections_on_as_the_cpp_handler_did()
    {
        string hook = _files.Write("hook.sh", "#!/bin/sh\necho \"$X $0 $*\"\necho problem >&2\n", executable: true);
        string log = Path.Combine(_files.Directory, "log");

        Output(Parse($"X=1 {hook} --flag >> {log} 2>&1"));

        Assert.Equal($"1 {hook} --flag CREATE gwi-X gwo-X 00b8ee1d4db0c51c0\nproblem\n", File.ReadAllText(log));
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    public void Should_be_none_when_blank(string text)
    {
        Assert.True(HookCommand.TryParse(text, out HookCommand? command, out _));
        Assert.Null(command);
    }

    [Fact]
    public void Should_refuse_a_path_that_cannot_be_run()
    {
        string plain = _files.Write("plain.sh", "#!/bin/sh\n");

        Assert.Contains("does not exist", Refusal("/nonexistent/hook.sh"), StringComparison.Ordinal);
        Assert.Contains("is not executable. Try chmod +x", Refusal(plain), StringComparison.Ordinal);
        Assert.Contains("is a directory", Refusal(_files.Directory), StringComparison.Ordinal);
        Assert.Contains("Write ./no-such-hook.sh", Refusal("no-such-hook.sh"), StringComparison.Ordinal);
    }

    public void Dispose() => _files.Dispose();

    private static HookCommand Parse(string text)
    {
        Assert.True(HookCommand.TryParse(text, out HookCommand? command, out string? error), error);
        return command!;
    }

    private static string Refusal(string text)
    {
        Assert.False(HookCommand.TryParse(text, out _, out string? error));
        return error!;
    }

    private static IReadOnlyList<string> Argv(HookCommand command) => command.ToArgv("CREATE", "gwi-X", "gwo-X", "00b8ee1d4db0c51c0");

    private static string Output(HookCommand command)
    {
        IReadOnlyList<string> argv = Argv(command);
        var start = new ProcessStartInfo(argv[0], argv.Skip(1)) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
