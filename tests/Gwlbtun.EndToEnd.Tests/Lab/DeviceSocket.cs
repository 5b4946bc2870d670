using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Gwlbtun.EndToEnd.Tests.Lab;

/// <summary>Sends IP packets out of a device, and sees those that come in on it, as a packet socket does (packet(7)).</summary>
internal sealed class DeviceSocket : IDisposable
{
    private const ushort EveryProtocol = 3; // ETH_P_ALL, linux/if_ether.h
    private const int OutgoingPacket = 4; // PACKET_OUTGOING, linux/if_packet.h

    /// <summary>The packet type of a frame that bears another hardware address than the device's: PACKET_OTHERHOST, linux/if_packet.h.</summary>
    public const int OtherHost = 3;

    private readonly Socket _socket;
    private readonly int _index;

    public DeviceSocket(NetworkNamespace network, string device)
    {
        // In a network namespace /sys shows the devices of the namespace that mounted it.
        _index = int.Parse(network.Ip("-o", "link", "show", "dev", device).Split(':')[0]);
        _socket = network.Enter(() => new Socket(AddressFamily.Packet, SocketType.Dgram, (ProtocolType)BinaryPrimitives.ReverseEndianness(EveryProtocol)));
        _socket.Bind(new LinkLayerEndPoint(EveryProtocol, _index));
    }

    /// <summary>Gives the device an IP packet to send.</summary>
    public void Send(ReadOnlySpan<byte> packet) =>
        _socket.SendTo(packet, new LinkLayerEndPoint((ushort)(packet[0] >> 4 == 6 ? 0x86DD : 0x0800), _index));

    /// <summary>The next packet that comes in on the device; throws when none comes in time.</summary>
    public byte[] Receive(TimeSpan within) => Receive(within, out _);

    /// <summary>The same, with the packet's type (packet(7)).</summary>
    public byte[] Receive(TimeSpan within, out int packetType)
    {
        var buffer = new byte[ushort.MaxValue];
        var deadline = TimeProvider.System.GetTimestamp() + (long)(within.TotalSeconds * TimeProvider.System.TimestampFrequency);
        while (true)
        {
            _socket.ReceiveTimeout = Math.Max(1, (int)TimeProvider.System.GetElapsedTime(TimeProvider.System.GetTimestamp(), deadline).TotalMilliseconds);
            EndPoint from = new LinkLayerEndPoint(EveryProtocol, _index);
            var length = _socket.ReceiveFrom(buffer, ref from);
            packetType = ((LinkLayerEndPoint)from).PacketType;
            if (packetType != OutgoingPacket)
                return buffer[..length];
        }
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>struct sockaddr_ll of linux/if_packet.h.</summary>
    private sealed class LinkLayerEndPoint(ushort protocol, int index) : EndPoint
    {
        private const int Length = 20;
        private const int PacketTypeOffset = 10;

        public int PacketType { get; private init; }

        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Packet, Length);
            BinaryPrimitives.WriteUInt16BigEndian(address.Buffer.Span[2..], protocol);
            BinaryPrimitives.WriteInt32LittleEndian(address.Buffer.Span[4..], index);
            return address;
        }

        public override EndPoint Create(SocketAddress socketAddress) => new LinkLayerEndPoint(
            BinaryPrimitives.ReadUInt16BigEndian(socketAddress.Buffer.Span[2..]),
            BinaryPrimitives.ReadInt32LittleEndian(socketAddress.Buffer.Span[4..]))
        {
            PacketType = socketAddress.Buffer.Span[PacketTypeOffset],
        };
    }
}
