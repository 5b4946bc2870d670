using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Tests.Matching;

/// <summary>The packets of a client, a server and a router between them, over either IP version.</summary>
internal sealed class TestPackets(bool ipv6)
{
    private readonly byte[] _payload = new byte[64];

    public string Client { get; } = ipv6 ? "fd000000000000000000000000000001" : "0a000001";

    public string Server { get; } = ipv6 ? "fd000000000000000000000000000002" : "0a000002";

    public string Router { get; } = ipv6 ? "fd0000000000000000000000000000ff" : "0a0000ff";

    private byte Icmp => ipv6 ? IpProtocol.IcmpV6 : IpProtocol.Icmp;

    public byte[] Request(ushort port = 1000) => Packet(IpProtocol.Udp, IpBytes.Udp(port, 53, _payload), Client, Server);

    public byte[] Reply(ushort port = 1000) => Packet(IpProtocol.Udp, IpBytes.Udp(53, port, _payload), Server, Client);

    /// <summary>A part of a datagram: with ports when its offset is 0.</summary>
    public byte[] Fragment(int offset, bool more, uint id, bool reply = false, byte protocol = IpProtocol.Udp, ushort port = 1000)
    {
        var payload = offset != 0 ? _payload : reply ? IpBytes.Udp(53, port, _payload) : IpBytes.Udp(port, 53, _payload);
        var (source, destination) = reply ? (Server, Client) : (Client, Server);
        return ipv6
            ? IpBytes.Ipv6(IpProtocol.Fragment, IpBytes.Fragment6(protocol, offset, more, id, payload), source, destination)
            : IpBytes.Ipv4(protocol, payload, fragment: (ushort)((offset / 8) | (more ? 0x2000 : 0)), id: (ushort)id, source: source, destination: destination);
    }

    /// <summary>Time exceeded, about <paramref name="quoted"/> cut to <paramref name="length"/> bytes.</summary>
    public byte[] Error(byte[] quoted, string from, string to, int? length = null, byte? type = null) =>
        Packet(Icmp, [type ?? (ipv6 ? (byte)3 : (byte)11), 0, 0, 0, 0, 0, 0, 0, .. quoted.AsSpan(0, length ?? quoted.Length)], from, to);

    public byte[] Echo(string from, string to, bool reply = false) =>
        Packet(Icmp, [ipv6 ? (byte)(reply ? 129 : 128) : (byte)(reply ? 0 : 8), 0, 0, 0, 0, 1, 0, 1], from, to);

    /// <summary>What a router needs to send back of a packet: its IP header and 8 bytes.</summary>
    public int ShortestQuote => (ipv6 ? 40 : 20) + 8;

    public byte[] Packet(byte protocol, byte[] payload, string source, string destination) => ipv6
        ? IpBytes.Ipv6(protocol, payload, source, destination)
        : IpBytes.Ipv4(protocol, payload, source: source, destination: destination);
}
