using System.Buffers.Binary;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Tests.Flows;

/// <summary>Flows by number: as many different tuples as are asked for.</summary>
internal static class SampleFlow
{
    private const uint Client = 0x0000000A;
    private const uint Server = 0x000010AC;

    public static FlowKey Tcp4(uint number, bool reversed = false) => Key4(IpProtocol.Tcp, number, reversed);

    public static FlowKey Udp4(uint number, bool reversed = false) => Key4(IpProtocol.Udp, number, reversed);

    /// <summary>A protocol without ports.</summary>
    public static FlowKey Icmp4(uint number, bool reversed = false)
    {
        uint client = Client + BinaryPrimitives.ReverseEndianness(number & 0xFF_FFFF);
        return reversed ? FlowKey.V4(Server, client, IpProtocol.Icmp, 0, 0) : FlowKey.V4(client, Server, IpProtocol.Icmp, 0, 0);
    }

    public static FlowKey Tcp6(uint number, bool reversed = false) => Key6(IpProtocol.Tcp, number, reversed);

    /// <summary>Both families and all protocols in turn.</summary>
    public static FlowKey Mixed(uint number, bool reversed = false) => (number % 5) switch
    {
        0 => Tcp4(number, reversed),
        1 => Udp4(number, reversed),
        2 => Icmp4(number, reversed),
        3 => Tcp6(number, reversed),
        _ => Key6(IpProtocol.Udp, number, reversed),
    };

    public static bool IsKnown(FlowTable table, in FlowKey key, long nowMs = 0) =>
        table.Find(key, stackalloc byte[GwlbGeneveHeader.MaximumLength], out _, nowMs) != 0;

    /// <summary>Flows in the table, of all kinds.</summary>
    public static long CountAll(FlowTable table)
    {
        long count = 0;
        foreach (FlowFamily family in Enum.GetValues<FlowFamily>())
        {
            foreach (FlowProtocol protocol in Enum.GetValues<FlowProtocol>())
                count += table.Count(family, protocol);
        }

        return count;
    }

    /// <summary>Sweeps the whole table once, and says how many flows went.</summary>
    public static int SweepAll(FlowTable table, long nowMs)
    {
        int expired = 0;
        SweepResult result;
        do
        {
            result = table.Sweep(nowMs, budget: 256);
            expired += result.Expired;
        }
        while (!result.WrappedAround);
        return expired;
    }

    private static FlowKey Key4(byte protocol, uint number, bool reversed)
    {
        uint client = Client + BinaryPrimitives.ReverseEndianness(number >> 15);
        ushort port = (ushort)(1024 + (number & 0x7FFF));
        return reversed ? FlowKey.V4(Server, client, protocol, 443, port) : FlowKey.V4(client, Server, protocol, port, 443);
    }

    private static FlowKey Key6(byte protocol, uint number, bool reversed)
    {
        Span<byte> client = stackalloc byte[16];
        Span<byte> server = stackalloc byte[16];
        client[0] = server[0] = 0xFD;
        server[15] = 1;
        BinaryPrimitives.WriteUInt32BigEndian(client[8..], number >> 15);
        ushort port = (ushort)(1024 + (number & 0x7FFF));
        return reversed ? FlowKey.V6(server, client, protocol, 443, port) : FlowKey.V6(client, server, protocol, port, 443);
    }
}
