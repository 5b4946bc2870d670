using Gwlbtun.Actors.Configuration;

namespace Gwlbtun.Actors.CommandLine;

/// <summary>What the process is to do, decided from its command line, environment and configuration file.</summary>
public abstract record StartupDecision
{
    private StartupDecision()
    {
    }

    /// <summary>Print and end.</summary>
    /// <param name="Code">The exit code: 0, or 1 when something is wrong.</param>
    /// <param name="Output">For standard output.</param>
    /// <param name="Error">For standard error.</param>
    public sealed record Exit(int Code, string Output, string Error) : StartupDecision
    {
        /// <summary>Prints both, and returns the exit code: 1 also when they could not be written.</summary>
        public int Print()
        {
            try
            {
                Console.Out.Write(Output);
                Console.Error.Write(Error);
                return Code;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return 1;
            }
        }
    }

    /// <summary>Serve.</summary>
    /// <param name="Settings">With these settings.</param>
    /// <param name="Notices">What should be logged first: options without effect, threads that cannot be pinned.</param>
    public sealed record Run(GatewaySettings Settings, IReadOnlyList<string> Notices) : StartupDecision;
}
