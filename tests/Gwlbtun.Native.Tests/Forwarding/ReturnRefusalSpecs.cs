using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Tests.Uplink;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Uplink;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>An uplink without a queue, for which the kernel takes super-packets apart: of one for which it has no room, some packets leave.</summary>
public sealed unsafe partial class ReturnRefusalSpecs
{
    private const string Device = "tap0";
    private const string Neighbour = "10.8.0.2";
    private const string Own = "10.8.0.1";
    private const int Paths = 3;
    private const int PacketBytes = 400;
    private const int SequenceOffset = 14 + 20 + 8 + 40 + 20 + 8; // behind Ethernet, IPv4, UDP, Geneve, IPv4 and UDP

    [Fact]
    public void Should_send_none_twice() => UplinkLab.Run(uplink =>
    {
        // A device that takes 100 packets until they are read: less than two frames of 64.
        var tap = OpenTap();
        try
        {
            NetworkNamespace.Shell($"ip addr add {Own}/24 dev {Device} && ip link set {Device} txqueuelen 100 && tc qdisc replace dev {Device} root noqueue && ip link set {Device} up");
            UplinkLab.Know(Neighbour, UplinkLab.PeerMac, Device);
            Assert.Equal(SuperPacketFate.LeavesInPart, uplink.FindKnown(Neighbour, Own).SuperPackets);
            using var socket = UdpSocket.Open(new IPEndPoint(IPAddress.Parse(Own), 6081), 1 << 20);
            using var counters = new CounterBlocks(1);
            using var path = ReturnPath.Open(socket, uplink.Hops, joins: true);
            Dictionary<uint, int> arrivals = [];
            var end = false;
            var reader = new Thread(() =>
            {
                // What is there, and again: the device is full at any moment of a send.
                var frame = stackalloc byte[2048];
                while (!Volatile.Read(ref end) || Poll.WaitReadable(tap, 0))
                {
                    var read = FileDescriptor.Read(tap, frame, 2048);
                    if (!read.IsError && read.Value > SequenceOffset + sizeof(uint) && frame[12] == 8 && frame[13] == 0)
                        CollectionsMarshal.GetValueRefOrAddDefault(arrivals, BinaryPrimitives.ReadUInt32BigEndian(new(frame + SequenceOffset, sizeof(uint))), out _)++;
                }
            });
            reader.IsBackground = true;
            reader.Start();

            var header = GeneveBytes.Standard(0x1234, flowCookie: 7).Build([]).AsSpan(0, 40).ToArray();
            uint sent = 0;
            try
            {
                for (var clock = Stopwatch.StartNew(); DroppedByDevice() < 10_000 && clock.Elapsed < TimeSpan.FromSeconds(10);)
                {
                    for (; !path.Packets.IsFull; sent++)
                        Append(path, header, sent, counters[0]);
                    path.Flush();
                }
            }
            finally
            {
                Volatile.Write(ref end, true);
                reader.Join();
            }

            // Each is there once, or counted; by us, when we are told, else by the device alone.
            Assert.Empty(arrivals.Where(arrival => arrival.Value != 1).Select(arrival => $"{arrival.Key}: {arrival.Value} times"));
            var missing = sent - (ulong)arrivals.Count;
            Assert.InRange(missing, 1ul, DroppedByDevice() + counters[0]->Drops(DropReason.SendQueueFull));
        }
        finally
        {
            FileDescriptor.Close(tap);
        }
    });

    private static void Append(ReturnPath path, byte[] header, uint sequence, CounterBlock* counters)
    {
        var payload = new byte[PacketBytes];
        BinaryPrimitives.WriteUInt32BigEndian(payload, sequence);
        var packet = IpBytes.Ipv4(17, IpBytes.Udp(1000, 2000, payload));
        var start = path.Packets.Next;
        packet.CopyTo(new Span<byte>(start, packet.Length));
        path.Packets.Take(packet.Length);
        path.Append(start, packet.Length, header, new OuterPath(UplinkLab.Address(Neighbour), UplinkLab.Address(Own), (ushort)(40_001 + sequence % Paths)), counters);
    }

    // The twelfth number behind the name (proc_pid_net(5)).
    private static ulong DroppedByDevice() => ulong.Parse(
        File.ReadLines("/proc/thread-self/net/dev").Single(line => line.Contains(Device + ":", StringComparison.Ordinal)).Split(':')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[11],
        CultureInfo.InvariantCulture);

    private static int OpenTap()
    {
        const int ReadWriteNonBlocking = 0x802;
        var fd = SysResult.From(open(Encoding.ASCII.GetBytes(TunDevice.ControlPath + '\0'), ReadWriteNonBlocking)).OrThrow("open the control device");
        InterfaceRequest request = default;
        Encoding.ASCII.GetBytes(Device, new Span<byte>(request.Name, 15));
        request.Flags = IffTap | TunDevice.IffNoPi;
        _ = SysResult.From(ioctl(fd, TunDevice.TunSetIff, &request)).OrThrow("make a TAP device");
        return fd;
    }

    private const ushort IffTap = 0x0002;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int open([In] byte[] path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int fd, nuint request, void* argument);
}
