using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Flows;

/// <summary>What learning a header did.</summary>
/// <param name="Reason">
/// <see cref="DropReason.None"/> when the flow is known with this header; <see cref="DropReason.FlowTableFull"/> or
/// <see cref="DropReason.FlowHeaderShapes"/> when it could not be learned.
/// </param>
/// <param name="IsNew">Whether the flow was unknown before.</param>
public readonly record struct LearnResult(DropReason Reason, bool IsNew);
