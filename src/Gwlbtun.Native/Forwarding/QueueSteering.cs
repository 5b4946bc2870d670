using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;
using static Gwlbtun.Native.Linux.BpfInstruction;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// Has a packet that went into the tunnel come back through the queue of the thread that wrote it: it is still in that core's cache, and no other thread need be woken for
/// it. Packets from elsewhere are spread by their flow, both directions alike. Without it, the kernel spreads all of them by their flow.
/// </summary>
internal static class QueueSteering
{
    // struct __sk_buff (linux/bpf.h). The queue is counted from 1; 0: none was recorded.
    private const int QueueMapping = 12;
    private const int IngressInterface = 36;

    private const int Context = 6;
    private const int Hash = 7;

    /// <summary>Attaches it to a device. The kernel may have no such thing, or not want it from us.</summary>
    /// <param name="device">The device that packets come back through.</param>
    /// <param name="ingressIndex">The interface index of the device that we write into, through as many queues.</param>
    /// <param name="error">Why it could not be attached.</param>
    public static bool TryAttach(TunDevice device, int ingressIndex, out LinuxError error)
    {
        using var program = BpfProgram.TryLoad(Program(ingressIndex), out error);
        if (program is null)
            return false;
        var attached = device.SetSteering(program.Handle);
        error = attached.Error;
        return !attached.IsError;
    }

    private static BpfInstruction[] Program(int ingressIndex)
    {
        BpfInstruction[] byFlow = [.. HashIpv4(), .. HashIpv6()];
        return
        [
            Copy(Context, 1),
            Field(0, Context, IngressInterface),
            SkipUnless(0, ingressIndex, 4),
            Field(0, Context, QueueMapping),
            SkipIf(0, 0, 2),
            Compute(Operation.Add, 0, -1),
            Exit(),
            .. byFlow,
            Copy(0, Hash),
            Compute(Operation.Multiply, 0, unchecked((int)0x9E37_79B1)),
            Compute(Operation.ShiftRight, 0, 16),
            Exit(),
        ];
    }

    // Goes on behind HashIpv6. Of fragments, which have no ports but in the first, the addresses alone.
    private static BpfInstruction[] HashIpv4()
    {
        BpfInstruction[] ports = HashPorts(Ipv4Format.ProtocolOffset, Ipv4Format.MinimumLength);
        BpfInstruction[] hash =
        [
            Packet(Size.Word, Ipv4Format.SourceAddressOffset),
            Copy(Hash, 0),
            Packet(Size.Word, Ipv4Format.DestinationAddressOffset),
            ComputeFrom(Operation.Xor, Hash, 0),
            Packet(Size.Half, Ipv4Format.FragmentOffset),
            Compute(Operation.And, 0, 0x3FFF),
            SkipUnless(0, 0, ports.Length),
            .. ports,
        ];
        return [Packet(Size.Byte, 0), Compute(Operation.ShiftRight, 0, 4), SkipIf(0, 6, hash.Length + 1), .. hash, Skip(HashIpv6().Length)];
    }

    private static BpfInstruction[] HashIpv6()
    {
        var hash = new List<BpfInstruction> { Compute(Operation.Move, Hash, 0) };
        for (var offset = Ipv6Format.SourceAddressOffset; offset < Ipv6Format.HeaderLength; offset += 4)
            hash.AddRange([Packet(Size.Word, offset), ComputeFrom(Operation.Xor, Hash, 0)]);
        return [.. hash, .. HashPorts(Ipv6Format.NextHeaderOffset, Ipv6Format.HeaderLength)];
    }

    private static BpfInstruction[] HashPorts(int protocolOffset, int transportOffset)
    {
        BpfInstruction[] ports =
        [
            Packet(Size.Half, transportOffset),
            ComputeFrom(Operation.Xor, Hash, 0),
            Packet(Size.Half, transportOffset + 2),
            ComputeFrom(Operation.Xor, Hash, 0),
        ];
        return [Packet(Size.Byte, protocolOffset), SkipIf(0, IpProtocol.Tcp, 1), SkipUnless(0, IpProtocol.Udp, ports.Length), .. ports];
    }
}
