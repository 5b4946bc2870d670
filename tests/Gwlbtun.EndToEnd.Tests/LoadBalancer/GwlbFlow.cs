using System.Buffers.Binary;
using System.Net;
using Gwlbtun.EndToEnd.Tests.Lab;

namespace Gwlbtun.EndToEnd.Tests.LoadBalancer;

/// <summary>A flow as the load balancer sees it: an endpoint, a cookie, the outer address and port that it comes from, and the 5-tuple inside.</summary>
internal sealed record GwlbFlow(ulong EniId, int Number, bool IsV6 = false, byte Protocol = InnerPackets.Udp)
{
    /// <summary>The Geneve header with the three options of the load balancer.</summary>
    public const int HeaderLength = 40;

    public const ushort DefaultServerPort = 5001;

    private const ushort OptionClass = 0x0108;

    public ushort OuterSourcePort { get; init; } = (ushort)(20000 + Number % 64);

    /// <summary>The load balancer's node that the flow comes from and returns to.</summary>
    public IPAddress Node { get; init; } = ApplianceLab.GwlbAddress;

    public uint Cookie { get; init; } = (uint)(Number * 2654435761) ^ 0x5bd1e995;

    public ulong AttachmentId { get; init; } = 0xA77A_0000_0000_0000 | (uint)Number;

    public IPAddress Client { get; init; } = IPAddress.Parse(IsV6 ? $"fd00::64:{Number:x}" : $"10.100.{Number / 250}.{Number % 250 + 1}");

    public IPAddress Server { get; init; } = IPAddress.Parse(IsV6 ? "fd01::1" : "172.16.0.1");

    public ushort ClientPort { get; init; } = (ushort)(1024 + Number);

    public ushort ServerPort { get; init; } = DefaultServerPort;

    /// <summary>The header that this flow's packets carry, and must come back with.</summary>
    public byte[] GeneveHeader()
    {
        var header = new byte[HeaderLength];
        header[0] = (HeaderLength - 8) / 4;
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(2), (ushort)(IsV6 ? 0x86DD : 0x0800));
        WriteOption(header.AsSpan(8), 1, 8);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(12), EniId);
        WriteOption(header.AsSpan(20), 2, 8);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(24), AttachmentId);
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

    /// <summary>The same flow after the load balancer has begun it anew: another cookie, port and attachment ID.</summary>
    public GwlbFlow Renewed(uint round = 1) => this with
    {
        Cookie = Cookie + round,
        OuterSourcePort = (ushort)(OuterSourcePort + round),
        AttachmentId = AttachmentId + (round << 16),
    };

    /// <summary>The other direction of the flow, which the load balancer sends from another node with a header of its own.</summary>
    public GwlbFlow Backward(IPAddress node) => this with
    {
        Client = Server,
        Server = Client,
        ClientPort = ServerPort,
        ServerPort = ClientPort,
        Node = node,
        Cookie = ~Cookie,
        OuterSourcePort = (ushort)(OuterSourcePort + 1000),
        AttachmentId = ~AttachmentId,
    };

    private static void WriteOption(Span<byte> option, byte type, int length)
    {
        BinaryPrimitives.WriteUInt16BigEndian(option, OptionClass);
        option[2] = type;
        option[3] = (byte)(length / 4);
    }
}
