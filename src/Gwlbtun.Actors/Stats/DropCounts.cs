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

    /// <summary>Packets lost, over all reasons that lose traffic.</summary>
    public static ulong Lost(IReadOnlyDictionary<DropReason, ulong> drops)
    {
        ulong lost = 0;
        foreach (var (reason, count) in drops)
        {
            if (reason.IsLoss())
                lost += count;
        }

        return lost;
    }
}
