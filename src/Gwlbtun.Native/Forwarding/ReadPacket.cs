using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>A packet that came out of a device, and the flow that it names.</summary>
internal unsafe struct ReadPacket
{
    public byte* Start;

    /// <summary>What the device said of it: read before the Geneve header is written over it.</summary>
    public VirtioNetHeader Virtio;

    public InnerPacket Inner;
    public FlowProbe Probe;

    public readonly ReadOnlySpan<byte> Bytes => new(Start, Inner.Length);
}
