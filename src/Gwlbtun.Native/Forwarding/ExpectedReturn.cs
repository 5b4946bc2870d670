namespace Gwlbtun.Native.Forwarding;

/// <summary>Packets that were just written into a tunnel out of which, of late, they have come back within the write.</summary>
internal struct ExpectedReturn
{
    /// <summary>Where they are to be read.</summary>
    public QueueBinding Queue;

    /// <summary>In how many writes: as many reads get them, if super-packets come back whole.</summary>
    public int Writes;

    /// <summary>How many: as many reads as it may take at most.</summary>
    public int Packets;
}
