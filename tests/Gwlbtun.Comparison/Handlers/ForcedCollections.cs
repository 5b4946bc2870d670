namespace Gwlbtun.Comparison.Handlers;

/// <summary>Has one handler that runs on .NET collect its whole heap once a second.</summary>
/// <param name="state">A folder for the count of them.</param>
internal sealed class ForcedCollections(string state)
{
    private readonly FileInfo _counts = new(Path.Combine(state, "collections-" + Path.GetRandomFileName()));

    /// <summary>What the handler is to find in its environment.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        ["DOTNET_STARTUP_HOOKS"] = typeof(StartupHook).Assembly.Location,
        [StartupHook.CountVariable] = _counts.FullName,
    };

    /// <summary>How many there have been.</summary>
    public long Count
    {
        get
        {
            _counts.Refresh();
            return _counts.Exists ? _counts.Length : 0;
        }
    }
}
