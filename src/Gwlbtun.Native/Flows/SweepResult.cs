namespace Gwlbtun.Native.Flows;

/// <summary>What <see cref="FlowTable.Sweep"/> did.</summary>
/// <param name="Expired">Flows that were taken out for being idle.</param>
/// <param name="WrappedAround">Whether the end of the table was reached; the next sweep starts from its beginning.</param>
public readonly record struct SweepResult(int Expired, bool WrappedAround);
