namespace Gwlbtun.Actors.Configuration.Hocon;

/// <summary>Reads the files that a document includes: relative to the one that includes, never one within itself.</summary>
/// <param name="Files">The files being read, outermost first.</param>
/// <param name="Scope">The path of the object that includes, empty at the top.</param>
internal sealed record HoconIncludes(IReadOnlyList<string> Files, string Scope)
{
    public static readonly HoconIncludes None = new([], "");

    public HoconObject Parse(string file, SettingOrigin namedBy, string scope)
    {
        if (file.Contains('\0', StringComparison.Ordinal))
            throw new HoconException("a file name holds no character 0.", namedBy);
        string path = Locate(file, namedBy);
        if (Files.Contains(path))
            throw new HoconException($"{path} includes itself.", namedBy);

        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HoconException($"cannot read {path}: {e.Message}", namedBy);
        }

        return HoconParser.Parse(text, line => new SettingOrigin.File(path, line), new HoconIncludes([.. Files, path], scope));
    }

    private string Locate(string file, SettingOrigin namedBy)
    {
        if (Path.IsPathRooted(file))
            return Path.GetFullPath(file);
        try
        {
            return Path.GetFullPath(file, Files.Count > 0 ? Path.GetDirectoryName(Files[^1])! : Directory.GetCurrentDirectory());
        }
        catch (IOException e)
        {
            // The working directory was deleted under the process.
            throw new HoconException($"cannot find {file}: {e.Message}", namedBy);
        }
    }
}
