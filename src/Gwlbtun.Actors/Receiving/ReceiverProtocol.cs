using Gwlbtun.Native.Forwarding;

namespace Gwlbtun.Actors.Receiving;

/// <summary>What <see cref="ReceiverActor"/> understands.</summary>
public interface IReceiverMessage;

/// <summary>Start the receive threads. The sender gets <see cref="ReceivingStarted"/> or <see cref="Gateway.StartFailed"/>.</summary>
public sealed record StartReceiving : IReceiverMessage;

/// <summary>The receive threads run.</summary>
public sealed record ReceivingStarted;

/// <summary>Deliver what has arrived and receive no more. The sender gets <see cref="ReceivingStopped"/>.</summary>
public sealed record StopReceiving : IReceiverMessage;

/// <summary>No receive thread runs any more.</summary>
public sealed record ReceivingStopped;

/// <summary>A receive thread has more to do than it can.</summary>
internal sealed record ReceiverBacklogged : IReceiverMessage
{
    /// <summary>The one: a data thread sends it, which is to allocate nothing.</summary>
    public static readonly ReceiverBacklogged Instance = new();
}

/// <summary>See what the load has been.</summary>
internal sealed record LookAtLoad : IReceiverMessage;

/// <summary>See whether there is little to do.</summary>
internal sealed record LookForRest : IReceiverMessage;

/// <summary>The receive threads sit where they were to.</summary>
internal sealed record ReceiversMoved : IReceiverMessage;

/// <summary>A receive thread ended with an exception.</summary>
/// <param name="Thread">The thread.</param>
/// <param name="Cause">Why it ended.</param>
internal sealed record ReceiveThreadDied(ReceiveThread Thread, Exception Cause) : IReceiverMessage;

/// <summary>A tunnel thread runs in the place of one that died: the receive threads that rode on that one may ride again.</summary>
internal sealed record CarrierReplaced : IReceiverMessage
{
    public static readonly CarrierReplaced Instance = new();
}
