namespace Gwlbtun.Actors.Configuration;

/// <summary>
/// A hook as the user wrote it. The C++ handler appended the arguments and gave the whole to <c>system()</c>, so that it may be a
/// path, or a shell command with arguments, assignments and redirections. A plain path is run directly, anything else by /bin/sh,
/// a script without <c>#!</c> line too, since only a shell knows what to do with it.
/// </summary>
public sealed record HookCommand
{
    private const string Shell = "/bin/sh";

    // Outside of this set every character means, or may mean, something to a shell.
    private const string PlainPunctuation = "/._-+,@";

    private readonly string? _executable;

    private HookCommand(string text, string? executable)
    {
        Text = text;
        _executable = executable;
    }

    /// <summary>The command as it was written.</summary>
    public string Text { get; }

    /// <summary>True when a shell runs it; false when it names an executable that is run directly.</summary>
    public bool UsesShell => _executable is null;

    /// <summary>Decides how <paramref name="text"/> is run, and whether it can be.</summary>
    /// <param name="text">The command; blank = no hook.</param>
    /// <param name="command">The hook, or null when there is none or it is refused.</param>
    /// <param name="error">Why it is refused: a sentence. Null when it is not.</param>
    public static bool TryParse(string text, out HookCommand? command, out string? error)
    {
        text = text.Trim();
        command = null;
        error = null;
        if (text.Length == 0)
            return true;
        if (!text.All(c => char.IsAsciiLetterOrDigit(c) || c > '\x7f' || PlainPunctuation.Contains(c, StringComparison.Ordinal)))
        {
            command = new HookCommand(text, executable: null);
            return true;
        }

        string? executable = text.Contains('/', StringComparison.Ordinal) ? text : FindInPath(text);
        error = executable is null
            ? $"'{text}' is not in PATH. Write ./{text} for a file in the working directory."
            : Refusal(executable);
        if (error is null)
            command = new HookCommand(text, StartsByItself(executable!) ? executable : null);
        return error is null;
    }

    /// <summary>The program to run and its arguments.</summary>
    /// <param name="action"><c>CREATE</c> or <c>DESTROY</c>.</param>
    /// <param name="inInterface">The ingress device.</param>
    /// <param name="outInterface">The egress device, or <c>none</c>.</param>
    /// <param name="eni17">The ENI ID in 17 hexadecimal digits.</param>
    /// <returns>The absolute or relative path of the program, then its arguments.</returns>
    public IReadOnlyList<string> ToArgv(string action, string inInterface, string outInterface, string eni17) =>
        _executable is not null
            ? [_executable, action, inInterface, outInterface, eni17]
            : [Shell, "-c", Text + " \"$@\"", "gwlbtun", action, inInterface, outInterface, eni17];

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static string? FindInPath(string name)
    {
        foreach (string directory in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            string candidate = Path.Combine(directory, name);
            if (Refusal(candidate) is null)
                return candidate;
        }

        return null;
    }

    private static bool StartsByItself(string path)
    {
        Span<byte> magic = stackalloc byte[4];
        try
        {
            using FileStream file = File.OpenRead(path);
            magic = magic[..file.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false)];
            return magic.StartsWith("#!"u8) || magic.SequenceEqual("\u007fELF"u8);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It may be run without being readable; then it is no script.
            return true;
        }
    }

    private static string? Refusal(string path)
    {
        const UnixFileMode AnyExecute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        try
        {
            if (Directory.Exists(path))
                return $"'{path}' is a directory.";
            if (!File.Exists(path))
                return $"'{path}' does not exist, or cannot be reached.";
            return (File.GetUnixFileMode(path) & AnyExecute) == 0 ? $"'{path}' is not executable. Try chmod +x {path}." : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"'{path}' cannot be read: {e.Message}";
        }
    }
}
