using System.Buffers.Binary;
using System.Net;

namespace Gwlbtun.EndToEnd.Tests.LoadBalancer;

/// <summary>A flow as the load balancer sees it: an endpoint, a cookie, an outer source port, and the 5-tuple inside.</summary>
internal sealed record GwlbFlow(ulong EniId, int Number, bool IsV6 = false, byte Protocol = InnerPackets.Udp)
{
    /// <summary>The Geneve header with the three options of the load balancer.</summary>
    public const int HeaderLength = 40;

    public const ushort ServerPort = 5001;

    private const ushort OptionClass = 0x0108;

    public ushort OuterSourcePort => (ushort)(20000 + Number % 64);

    public uint Cookie { get; init; } = (uint)(Number * 2654435761) ^ 0x5bd1e995;

    public IPAddress Client { get; } = IPAddress.Parse(IsV6 ? $"fd00::64:{Number:x}" : $"10.100.{Number / 250}.{Number % 250 + 1}");

    public IPAddress Server { get; } = IPAddress.Parse(IsV6 ? "fd01::1" : "172.16.0.1");

    /// <summary>The header that this flow's packets carry, and must come back with.</summary>
    public byte[] GeneveHeader()
    {
        var header = new byte[HeaderLength];
        header[0] = (HeaderLength - 8) / 4;
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(2), (ushort)(IsV6 ? 0x86DD : 0x0800));
        WriteOption(header.AsSpan(8), 1, 8);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(12), EniId);
        WriteOption(header.AsSpan(20), 2, 8);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(24), 0xA77A_0000_0000_0000 | (uint)Number);
        WriteOption(header.AsSpan(32), 3, 4);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(36), Cookie);
        return header;
    }

    /// <summary>A packet from the client to the server.</summary>
    public byte[] Packet(uint sequence, int length = 128) =>
        InnerPackets.Build(Client, Server, Protocol, ClientPort, ServerPort, sequence, Math.Max(length, InnerPackets.MinimumLength(IsV6, Protocol)));

    /// <summary>A packet from the server to the client.</summary>
    public byte[] Reply(uint sequence, int length = 128) =>
        InnerPackets.Build(Server, Client, Protocol, ServerPort, ClientPort, sequence, Math.Max(length, InnerPackets.MinimumLength(IsV6, Protocol)));

    private ushort ClientPort => (ushort)(1024 + Number);

    private static void WriteOption(Span<byte> option, byte type, int length)
    {
        BinaryPrimitives.WriteUInt16BigEndian(option, OptionClass);
        option[2] = type;
        option[3] = (byte)(length / 4);
    }
}
