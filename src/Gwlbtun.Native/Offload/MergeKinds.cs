namespace Gwlbtun.Native.Offload;

/// <summary>What may be merged.</summary>
[Flags]
internal enum MergeKinds : byte
{
    None = 0,
    Tcp4 = 1,
    Tcp6 = 2,
    Udp4 = 4,
    Udp6 = 8,
    All = Tcp4 | Tcp6 | Udp4 | Udp6,
}
