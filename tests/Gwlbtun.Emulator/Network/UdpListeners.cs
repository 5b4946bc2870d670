using System.Globalization;
using System.Net;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Network;

/// <summary>Who else would get the load balancer's datagrams: sockets that share a port split them silently.</summary>
internal static class UdpListeners
{
    // proc_pid_net(5): the calling thread's namespace; the address stands there as the number that it is in memory.
    private const string Table = "/proc/thread-self/net/udp";
    private const int LocalAddressColumn = 1;

    /// <exception cref="LinuxException">A socket is bound to exactly this address and port.</exception>
    public static void RequireNone(IPAddress address, int port)
    {
        string local = string.Create(CultureInfo.InvariantCulture, $"{BitConverter.ToUInt32(address.GetAddressBytes()):X8}:{port:X4}");
        foreach (string line in File.ReadLines(Table).Skip(1))
        {
            string[] columns = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (columns.Length > LocalAddressColumn && columns[LocalAddressColumn] == local)
                throw new LinuxException($"bind UDP {address}:{port}", new LinuxError(LinuxError.EADDRINUSE), "Another load balancer runs here: end it, or give this one another --local or --port.");
        }
    }
}
