using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Gwlbtun.EndToEnd.Tests.Lab;

namespace Gwlbtun.EndToEnd.Tests.LoadBalancer;

/// <summary>Sends a great many flows of one packet each, as fast as the appliance takes them: what a SYN flood looks like behind the load balancer.</summary>
internal sealed class FlowFlood : IDisposable
{
    private const int Sockets = 16;
    private const int FirstPort = 40_000;
    private const int Chunk = 10_000;

    // So many may lie in the appliance's receive buffers: they hold more.
    private const int Ahead = 50_000;

    private const int CookieOffset = 36;
    private const int Ipv4SourceOffset = GwlbFlow.HeaderLength + 12;
    private const int Ipv6SourceOffset = GwlbFlow.HeaderLength + 8 + 12;

    private readonly Socket[] _sockets;
    private readonly ApplianceLab _lab;
    private readonly byte[][] _templates;

    /// <param name="lab">Where.</param>
    /// <param name="eniId">The endpoint.</param>
    /// <param name="families">IP versions to take turns with, 4 and 6.</param>
    public FlowFlood(ApplianceLab lab, ulong eniId, params int[] families)
    {
        _lab = lab;
        _templates = [.. families.Select(family => new GwlbFlow(eniId, 0, family == 6, InnerPackets.Tcp)).Select(flow => (byte[])[.. flow.GeneveHeader(), .. flow.Packet(0)])];
        _sockets = [.. Enumerable.Range(FirstPort, Sockets).Select(port => lab.Gwlb.Enter(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(ApplianceLab.GwlbAddress, port));
            socket.Connect(new IPEndPoint(ApplianceLab.ApplianceAddress, 6081));
            return socket;
        }))];
    }

    /// <summary>The header of a flow, and a packet that goes back in it.</summary>
    public (GwlbFlow Flow, byte[] Reply) Flow(uint number)
    {
        var template = _templates[number % _templates.Length];
        Stamp(template, number);
        var inner = template[GwlbFlow.HeaderLength..];
        var v6 = inner[0] >> 4 == 6;
        var flow = new GwlbFlow(BinaryPrimitives.ReadUInt64BigEndian(template.AsSpan(12)), 0, v6, InnerPackets.Tcp)
        {
            Cookie = number,
            Client = new IPAddress(v6 ? inner[8..24] : inner[12..16]),
            OuterSourcePort = (ushort)(FirstPort + number % Sockets),
        };
        return (flow, flow.Reply(1));
    }

    /// <summary>Sends the flows with these numbers, and returns when the appliance has delivered so many packets more than before.</summary>
    public async Task SendAsync(uint first, uint count)
    {
        var before = _lab.Delivered;
        for (uint sent = 0; sent < count;)
        {
            var end = Math.Min(count, sent + Chunk);
            for (; sent < end; sent++)
            {
                var number = first + sent;
                var template = _templates[number % _templates.Length];
                Stamp(template, number);
                _sockets[number % Sockets].Send(template);
            }
            await _lab.WaitForDeliveredAsync(before + (sent == count ? sent : (long)sent - Ahead));
        }
    }

    public void Dispose()
    {
        foreach (var socket in _sockets)
            socket.Dispose();
    }

    // Checksums stay as they are: nobody looks at them.
    private static void Stamp(byte[] template, uint number)
    {
        BinaryPrimitives.WriteUInt32BigEndian(template.AsSpan(CookieOffset), number);
        // A bijection, so that every flow has a client of its own, in no order that a hash might like.
        BinaryPrimitives.WriteUInt32BigEndian(template.AsSpan(template[2] == 0x86 ? Ipv6SourceOffset : Ipv4SourceOffset), number * 2654435761);
    }
}
