using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.Network;

namespace Gwlbtun.Comparison.Handlers;

/// <summary>The script that a handler calls for each endpoint, and the environment that it reads.</summary>
internal sealed record Hook(string Path, IReadOnlyDictionary<string, string> Environment)
{
    /// <summary>The same with more in its environment, and in the handler's.</summary>
    public Hook With(IReadOnlyDictionary<string, string> more) => this with { Environment = Environment.Concat(more).ToDictionary() };

    /// <summary>The hook that makes the handler's host do what the case wants.</summary>
    /// <param name="kind">Of the case.</param>
    /// <param name="scripts">The folder of the example scripts.</param>
    /// <param name="state">A folder for what they note.</param>
    public static Hook For(CaseKind kind, string scripts, string state)
    {
        Dictionary<string, string> environment = new() { ["HOOK_STATE_DIR"] = state };
        switch (kind)
        {
            case CaseKind.NoReturn:
                return new Hook("/bin/true", environment);
            case CaseKind.Nat:
                environment["HOOK_UPLINK"] = BenchmarkNetwork.Leg;
                return new Hook(System.IO.Path.Combine(scripts, "create-nat.sh"), environment);
            case CaseKind.Bridged:
                return new Hook(System.IO.Path.Combine(scripts, "create-passthrough.sh"), environment);
            default:
                environment["HOOK_ROUTE"] = "back";
                return new Hook(System.IO.Path.Combine(scripts, "create-route.sh"), environment);
        }
    }
}
