namespace Gwlbtun.Native.Forwarding;

/// <summary>Packets that were just written into a tunnel out of which, of late, they have come back within the write.</summary>
internal struct ExpectedReturn
{
    /// <summary>Where they are to be read.</summary>
    public QueueBinding Queue;

    /// <summary>How many; a super-packet is one.</summary>
    public int Packets;
}
