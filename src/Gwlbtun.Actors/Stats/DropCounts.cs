using System.Text.Json;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Stats;

/// <summary>How drop reasons are named and added up in reports.</summary>
public static class DropCounts
{
    private static readonly string[] _names =
        Array.ConvertAll(Enum.GetValues<DropReason>(), reason => JsonNamingPolicy.CamelCase.ConvertName(reason.ToString()));

    /// <summary>The reason's name in reports: <c>noFlow</c>.</summary>
    public static string Name(DropReason reason) => _names[(int)reason];

    /// <summary>
    /// Whether traffic is lost for this reason. Not so when only the flow could not be learned (the packet itself is
    /// delivered), nor when the packet was the kernel's own.
    /// </summary>
    public static bool LosesTraffic(DropReason reason) => reason is not (
        DropReason.None or DropReason.KernelChatter or
        DropReason.FlowTableFull or DropReason.FlowHeaderShapes or DropReason.FlowNotLearnable);

    /// <summary>Packets lost, over all reasons that lose traffic.</summary>
    public static ulong Lost(IReadOnlyDictionary<DropReason, ulong> drops)
    {
        ulong lost = 0;
        foreach (var (reason, count) in drops)
        {
            if (LosesTraffic(reason))
                lost += count;
        }

        return lost;
    }
}
