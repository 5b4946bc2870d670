using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>Walks the messages of one netlink datagram, and stops at the first that is cut short (netlink(7)).</summary>
internal ref struct NetlinkReader(ReadOnlySpan<byte> datagram)
{
    private ReadOnlySpan<byte> _rest = datagram;

    public NetlinkHeader Header { get; private set; }

    /// <summary>What follows the header: a struct of the message's type, then attributes.</summary>
    public ReadOnlySpan<byte> Payload { get; private set; }

    /// <summary>Goes on to the next message. False when there is none.</summary>
    public bool Read()
    {
        if (!MemoryMarshal.TryRead<NetlinkHeader>(_rest, out var header) || header.Length < Unsafe.SizeOf<NetlinkHeader>() || header.Length > _rest.Length)
            return false;
        Header = header;
        Payload = _rest[Unsafe.SizeOf<NetlinkHeader>()..(int)header.Length];
        _rest = _rest[Math.Min(_rest.Length, NetlinkAttributes.Align((int)header.Length))..];
        return true;
    }
}

/// <summary>Walks netlink attributes, and stops at the first that is cut short.</summary>
internal ref struct NetlinkAttributes(ReadOnlySpan<byte> attributes)
{
    private const int TypeMask = ~0xC000; // NLA_TYPE_MASK

    private ReadOnlySpan<byte> _rest = attributes;

    public ushort Type { get; private set; }

    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>Splits a message's payload into its struct and its attributes. False when it is too short for the struct.</summary>
    public static bool TryOpen<T>(ReadOnlySpan<byte> payload, out T body, out NetlinkAttributes attributes)
        where T : unmanaged
    {
        var isWhole = MemoryMarshal.TryRead(payload, out body);
        attributes = new(isWhole ? payload[Math.Min(payload.Length, Align(Unsafe.SizeOf<T>()))..] : []);
        return isWhole;
    }

    /// <summary>Goes on to the next attribute. False when there is none.</summary>
    public bool Read()
    {
        if (!MemoryMarshal.TryRead<NetlinkAttribute>(_rest, out var attribute) || attribute.Length < Unsafe.SizeOf<NetlinkAttribute>() || attribute.Length > _rest.Length)
            return false;
        Type = (ushort)(attribute.Type & TypeMask);
        Value = _rest[Unsafe.SizeOf<NetlinkAttribute>()..attribute.Length];
        _rest = _rest[Math.Min(_rest.Length, Align(attribute.Length))..];
        return true;
    }

    /// <summary>The value as a number or an address, as it stands in memory; 0 when it is too short.</summary>
    public readonly uint AsUInt32() => MemoryMarshal.TryRead<uint>(Value, out var value) ? value : 0;

    /// <summary>NLMSG_ALIGN and NLA_ALIGN: rounded up to four.</summary>
    public static int Align(int length) => (length + 3) & ~3;
}
