namespace Gwlbtun.Native.Linux;

/// <summary>Tells of every name in <see cref="NamedNetworkNamespace.Folder"/> that is deleted (inotify(7)), from a thread of its own.</summary>
public sealed class NamespaceNameMonitor : IDisposable
{
    private readonly FileSystemWatcher _names;

    /// <summary>Begins to watch.</summary>
    /// <param name="onDeleted">Called with each name, on the monitor's thread.</param>
    /// <param name="onOverrun">Called when events were lost: every name is to be looked at again.</param>
    /// <exception cref="LinuxException">There is no such folder and it cannot be made, or no inotify instance is left to this user.</exception>
    public NamespaceNameMonitor(Action<string> onDeleted, Action onOverrun)
    {
        NamedNetworkNamespace.PrepareFolder();
        _names = new FileSystemWatcher(NamedNetworkNamespace.Folder) { NotifyFilter = NotifyFilters.FileName };
        _names.Deleted += (_, deleted) => onDeleted(deleted.Name!);
        _names.Error += (_, _) => onOverrun();
        try
        {
            _names.EnableRaisingEvents = true;
        }
        catch (IOException refused)
        {
            // .NET leaves the errno there.
            throw new LinuxException($"watch {NamedNetworkNamespace.Folder}", new LinuxError(refused.HResult), "See fs.inotify.max_user_instances.");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _names.Dispose();
}
