namespace Gwlbtun.Actors.Gateway;

/// <summary>What <see cref="GatewaySupervisor"/> understands, beside <see cref="Stats.GetReport"/>.</summary>
public interface IGatewayMessage;

/// <summary>Start everything. The sender gets <see cref="GatewayStarted"/> or <see cref="StartFailed"/>.</summary>
public sealed record StartGateway : IGatewayMessage;

/// <summary>Packets are received and returned.</summary>
public sealed record GatewayStarted;

/// <summary>It cannot be started.</summary>
/// <param name="Reason">Why, and what the user can do.</param>
public sealed record StartFailed(string Reason);

/// <summary>The handler is about to stop: reports say so, traffic goes on.</summary>
public sealed record BeginShutdown : IGatewayMessage;

/// <summary>End the data threads. Nothing must be in use any more. The sender gets <see cref="DataPlaneStopped"/>.</summary>
public sealed record StopDataPlane : IGatewayMessage;

/// <summary>No data thread runs any more.</summary>
public sealed record DataPlaneStopped;
