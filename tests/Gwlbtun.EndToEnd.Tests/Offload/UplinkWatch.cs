using System.Buffers.Binary;
using System.Net.Sockets;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.Shared;

namespace Gwlbtun.EndToEnd.Tests.Offload;

/// <summary>Watches what arrives at one of the load balancer's devices: Geneve packets, and super-packets of them, which are longer than the link's MTU.</summary>
internal sealed class UplinkWatch : IDisposable
{
    private const int GenevePort = 6081;
    private const int LinkMtu = 9001;
    private const byte Udp = 17;

    private readonly DeviceSocket _socket;
    private readonly Thread _thread;
    private readonly Lock _changing = new();
    private Predicate<Arrival>? _awaited;
    private TaskCompletionSource<Arrival> _found = new();

    public UplinkWatch(NetworkNamespace network, string device)
    {
        _socket = new DeviceSocket(network, device);
        _thread = new Thread(Watch) { IsBackground = true, Name = $"watch {device}" };
        _thread.Start();
    }

    /// <summary>The next Geneve packet to arrive from now on that is as wanted.</summary>
    public async Task<Arrival> NextAsync(Predicate<Arrival> isWanted)
    {
        Task<Arrival> found;
        lock (_changing)
        {
            _found = new TaskCompletionSource<Arrival>(TaskCreationOptions.RunContinuationsAsynchronously);
            _awaited = isWanted;
            found = _found.Task;
        }
        return await found.WaitAsync(Wait.Patience);
    }

    /// <summary>The next super-packet to arrive from now on.</summary>
    public Task<Arrival> NextSuperPacketAsync() => NextAsync(arrival => arrival.IsSuperPacket);

    public void Dispose()
    {
        _socket.Dispose();
        _thread.Join();
    }

    private void Watch()
    {
        try
        {
            while (true)
            {
                byte[] packet;
                int type;
                try
                {
                    packet = _socket.Receive(TimeSpan.FromMilliseconds(100), out type);
                }
                catch (SocketException silent) when (silent.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
                {
                    continue;
                }
                if (packet[0] != 0x45 || packet[9] != Udp || BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(22)) != GenevePort)
                    continue;
                Arrival arrival = new(packet, type);
                lock (_changing)
                {
                    if (_awaited?.Invoke(arrival) != true)
                        continue;
                    _awaited = null;
                    _found.SetResult(arrival);
                }
            }
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            // the test is over
        }
    }

    /// <summary>A Geneve packet with its outer IPv4 header, or several as one, and its type (packet(7)).</summary>
    internal sealed record Arrival(byte[] Packet, int Type)
    {
        public bool IsSuperPacket => Packet.Length > LinkMtu;

        public ushort UdpChecksum => BinaryPrimitives.ReadUInt16BigEndian(Packet.AsSpan(26));
    }
}
