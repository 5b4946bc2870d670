namespace Gwlbtun.Native.Flows;

/// <summary>What a TCP packet says about its connection, for <see cref="FlowTableOptions.TcpClosing"/>.</summary>
public enum TcpSignal : byte
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>SYN without FIN or RST: a connection begins, whatever the flow has seen before.</summary>
    Opens,

    /// <summary>FIN or RST: nothing more will come in this direction.</summary>
    Closes,
}
