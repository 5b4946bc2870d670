using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>A packet that came out of a device, and the flow that it names.</summary>
internal unsafe struct ReadPacket
{
    public byte* Start;
    public InnerPacket Inner;
    public FlowProbe Probe;

    public readonly ReadOnlySpan<byte> Bytes => new(Start, Inner.Length);
}
