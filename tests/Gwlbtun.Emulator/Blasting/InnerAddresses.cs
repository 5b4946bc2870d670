using System.Buffers.Binary;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>
/// The inner addresses: flow <c>f</c> goes from 10.64.0.0 + f (fd00:64::f) to 172.16.0.0 + f (fd00:65::f), and a router on its way has
/// 100.64.0.0 + f (fd00:66::f).
/// </summary>
internal static class InnerAddresses
{
    /// <summary>As many as 10.64.0.0/10 has addresses.</summary>
    public const int MaximumFlows = 1 << 22;

    private const uint DestinationMask = 0x000F_FFFF;

    // By end: source, destination, router.
    private static readonly uint[] _bases = [0x0A40_0000, 0xAC10_0000, 0x6440_0000];
    private static readonly ulong[] _prefixes = [0xFD00_0064_0000_0000, 0xFD00_0065_0000_0000, 0xFD00_0066_0000_0000];

    public static void Write(Span<byte> destination, FlowRole role, int flow, bool isIpv6)
    {
        if (isIpv6)
        {
            BinaryPrimitives.WriteUInt64BigEndian(destination, _prefixes[(int)role]);
            BinaryPrimitives.WriteUInt64BigEndian(destination[8..], (ulong)flow);
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination, _bases[(int)role] + Number(role, flow));
        }
    }

    /// <summary>Reads an address that only one flow has: a source's or a router's.</summary>
    /// <returns>False when it is nobody's.</returns>
    public static bool TryRead(ReadOnlySpan<byte> address, FlowRole role, out int flow)
    {
        bool isIpv6 = address.Length == 16;
        ulong number = isIpv6 ? BinaryPrimitives.ReadUInt64BigEndian(address[8..]) : BinaryPrimitives.ReadUInt32BigEndian(address) - _bases[(int)role];
        flow = (int)number;
        return number < MaximumFlows && (!isIpv6 || BinaryPrimitives.ReadUInt64BigEndian(address) == _prefixes[(int)role]);
    }

    /// <summary>Whether the address is the one that a flow has in this role.</summary>
    public static bool Is(ReadOnlySpan<byte> address, FlowRole role, int flow)
    {
        Span<byte> expected = stackalloc byte[16];
        Write(expected, role, flow, address.Length == 16);
        return address.SequenceEqual(expected[..address.Length]);
    }

    private static uint Number(FlowRole role, int flow) => role == FlowRole.Destination ? (uint)flow & DestinationMask : (uint)flow;
}

/// <summary>Whose address.</summary>
internal enum FlowRole
{
    Source,
    Destination,

    /// <summary>One that sends ICMP errors about the flow.</summary>
    Router,
}
