using System.Net;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Emulator.Tests;

/// <summary>Appliances for the emulator's cases.</summary>
internal static class CaseLab
{
    private static readonly IPAddress _appliance = IPAddress.Parse("127.0.0.2");

    public static LoadBalancerOptions LoadBalancer { get; } = new() { Appliances = [_appliance], Local = IPAddress.Loopback };

    public static BlastResult Blast(BlastOptions options, Func<Reply, int, IEnumerable<Reply>>? play, LoadBalancerOptions? loadBalancerOptions = null)
    {
        loadBalancerOptions ??= LoadBalancer;
        using Reflector reflector = new(_appliance, loadBalancerOptions.Port, play);
        using Blaster blaster = new(options, loadBalancerOptions, new LoadBalancer(loadBalancerOptions));
        return blaster.Run(CancellationToken.None);
    }

    /// <summary>Answers as the other end would.</summary>
    public static IEnumerable<Reply> Answer(Reply right, int number)
    {
        byte[] packet = right.Inner;
        bool isIpv6 = InnerPackets.IsIpv6(packet);
        InnerPacket.TryParse(packet, out InnerPacket inner);
        Swap(packet.AsSpan(isIpv6 ? 8 : 12, isIpv6 ? 16 : 4), packet.AsSpan(isIpv6 ? 24 : 16));
        Span<byte> upper = packet.AsSpan(inner.TransportOffset);
        if (inner.HasPorts)
            Swap(upper[..2], upper[2..]);
        else
            (upper[0], upper[2], upper[3]) = (isIpv6 ? (byte)129 : (byte)0, 0, 0);
        if (!inner.HasPorts)
        {
            ushort checksum = InternetChecksum.Transport(packet, inner);
            (upper[2], upper[3]) = ((byte)(checksum >> 8), (byte)checksum);
        }

        // An IP header of its own.
        packet[isIpv6 ? 7 : 8] = 61;
        return [right.WithInner(InnerPackets.WithHeaderChecksum(packet))];
    }

    private static void Swap(Span<byte> one, Span<byte> other)
    {
        byte[] kept = one.ToArray();
        other[..one.Length].CopyTo(one);
        kept.CopyTo(other);
    }

    /// <summary>
    /// Forwards, and answers what is at its last hop by an error in the opposite direction's header, or in its own as long as it knows none.
    /// </summary>
    public sealed class Router
    {
        private readonly Dictionary<(IPAddress Source, IPAddress Destination), Reply> _known = [];

        public IEnumerable<Reply> Play(Reply right, int number)
        {
            byte[] packet = right.Inner;
            InnerPacket.TryParse(packet, out InnerPacket inner);
            IPAddress source = InnerPackets.Source(packet), destination = InnerPackets.Destination(packet);
            int hopLimit = inner.Version == 6 ? 7 : 8;
            if (!inner.IsFragment || inner.IsFirstFragment)
                Learn(source, destination, right);
            if (packet[hopLimit] == 1)
            {
                IPAddress router = IPAddress.Parse(inner.Version == 6 ? "fd99::1" : "10.99.0.1");
                return [_known.GetValueOrDefault((destination, source), right).WithInner(InnerPackets.TimeExceeded(router, packet))];
            }

            packet[hopLimit]--;
            return [right.WithInner(InnerPackets.WithHeaderChecksum(packet))];
        }

        // A new cookie is a new flow: what the other direction had is over.
        private void Learn(IPAddress source, IPAddress destination, Reply right)
        {
            if (_known.TryGetValue((source, destination), out Reply? known) && !known.Header.SequenceEqual(right.Header))
                _known.Remove((destination, source));
            _known[(source, destination)] = right;
        }
    }
}
