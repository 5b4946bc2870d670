using Gwlbtun.Comparison.Handlers;

namespace Gwlbtun.Comparison;

/// <summary>What a run is of.</summary>
/// <param name="Name">One of the constants.</param>
/// <param name="Handler">Null for the floor, where the kernel alone returns the packets.</param>
internal sealed record Subject(string Name, HandlerProgram? Handler)
{
    public const string Ours = "ours";
    public const string Peer = "peer";
    public const string Floor = "floor";

    /// <summary>The order within a pair: what comes first in one comes last in the next (ABBA), so that a drift of the machine favours neither.</summary>
    public static IEnumerable<Subject> InOrder(IReadOnlyList<Subject> subjects, int pair) => pair % 2 == 0 ? subjects : subjects.Reverse();
}
