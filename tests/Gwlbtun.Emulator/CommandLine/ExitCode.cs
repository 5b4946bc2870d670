namespace Gwlbtun.Emulator.CommandLine;

/// <summary>What the process ends with.</summary>
internal static class ExitCode
{
    /// <summary>Nothing to object to.</summary>
    public const int Good = 0;

    /// <summary>A fault that was not allowed, too much loss, or a wrong command line.</summary>
    public const int NotGood = 1;

    /// <summary>It could not start.</summary>
    public const int CannotStart = 2;
}
