namespace Gwlbtun.Native.Flows;

/// <summary>The flow of a segment that would give way, see <see cref="FlowStanding"/>.</summary>
/// <param name="Place">Where it stands, or <see cref="FlowSegment.None"/>.</param>
/// <param name="Weakness">Less than any flow's when there is none.</param>
internal readonly record struct FlowCandidate(int Place, long Weakness)
{
    public static readonly FlowCandidate None = new(FlowSegment.None, long.MinValue);

    public bool Exists => Place != FlowSegment.None;

    /// <summary>Whether no flow that is established and active would have to go.</summary>
    public bool IsWeak => Exists && !FlowStanding.IsEstablished(Weakness);

    public FlowCandidate OrWeaker(FlowCandidate other) => other.Weakness > Weakness ? other : this;
}
