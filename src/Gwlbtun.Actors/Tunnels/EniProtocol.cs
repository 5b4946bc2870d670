using Gwlbtun.Native.Forwarding;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>What <see cref="EniActor"/> understands, beside the answers of those whom it asks.</summary>
internal interface IEniMessage;

/// <summary>Take the tunnel down for good: the handler stops.</summary>
internal sealed record RetireEni : IEniMessage
{
    public static readonly RetireEni Instance = new();
}

/// <summary>One of the port's devices may have gone or gone down.</summary>
/// <param name="Port">The port.</param>
/// <param name="Device">The device's name.</param>
/// <param name="Exists">False when it is known to have been deleted.</param>
internal sealed record LinkSuspect(TunnelPort Port, string Device, bool Exists) : IEniMessage;

/// <summary>The port's devices are being read.</summary>
internal sealed record PortAttached(TunnelPort Port) : IEniMessage;

/// <summary>The port's devices are closed.</summary>
internal sealed record PortReleased(TunnelPort Port) : IEniMessage;

/// <summary>The tunnel cannot go on as it is; it is to be rebuilt.</summary>
internal class TunnelFailedException(string reason) : Exception(reason);

/// <summary>The CREATE hook failed, and <c>hooks.on-create-failure = retire</c> says that this endpoint gets no tunnel.</summary>
internal sealed class CreateHookFailedException(string detail) : TunnelFailedException($"CREATE hook failed: {detail}");
