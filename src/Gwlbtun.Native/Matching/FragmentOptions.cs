namespace Gwlbtun.Native.Matching;

/// <summary>The bounds of what is remembered of fragments, so that those without ports find their flow.</summary>
public sealed record FragmentOptions
{
    /// <summary>Fragmented packets that are remembered for one endpoint, at least 1. Beyond, the least recently used nearby gives way.</summary>
    public int MaxRecords { get; init; } = 16_384;

    /// <summary>How long a fragmented packet is remembered: as long as Linux tries to reassemble one (<c>net.ipv4.ipfrag_time</c>).</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a fragment on its way out waits for the first one of its packet. Zero: not at all.</summary>
    public TimeSpan Wait { get; init; } = TimeSpan.FromMilliseconds(100);
}
