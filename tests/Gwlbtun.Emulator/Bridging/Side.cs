using Gwlbtun.Emulator.Network;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Bridging;

/// <summary>One side of the bridge: a TUN device in the namespace of the real programs.</summary>
internal sealed unsafe class Side : IDisposable
{
    private const int QueueLength = 2_000;

    private readonly TunDevice _device;

    public Side(SideOptions options, int mtu)
    {
        Options = options;
        _device = NetworkNamespace.Inside(options.Namespace, () =>
        {
            TunDevice device = TunDevice.Create(options.Device, queues: 1);
            RouteNetlink.BringUp(device.InterfaceIndex, mtu, QueueLength);
            return device;
        });
    }

    public SideOptions Options { get; }

    public int Handle => _device.QueueHandle(0);

    /// <summary>Packets and bytes that its programs sent, and that were delivered to them.</summary>
    public long PacketsSent { get; private set; }

    public long BytesSent { get; private set; }

    public long PacketsDelivered { get; private set; }

    public long BytesDelivered { get; private set; }

    /// <summary>Packets that the device refused, as when it is down.</summary>
    public long DeliveryErrors { get; private set; }

    /// <summary>Takes the next packet that a program sent.</summary>
    /// <returns>Its length, or 0 when there is none.</returns>
    public int Read(byte* buffer, int length)
    {
        SysResult read = _device.Read(0, buffer, length);
        if (read.IsError)
            return 0;
        PacketsSent++;
        BytesSent += read.Value;
        return read.Value;
    }

    /// <summary>Delivers a packet to the side's programs.</summary>
    public void Write(byte* packet, int length)
    {
        if (_device.Write(0, packet, length).IsError)
        {
            DeliveryErrors++;
            return;
        }

        PacketsDelivered++;
        BytesDelivered += length;
    }

    public void Dispose() => _device.Dispose();
}
