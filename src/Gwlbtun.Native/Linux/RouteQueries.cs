using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>Asks the kernel over rtnetlink what it knows of routes, interfaces and neighbours. For one thread at a time.</summary>
internal sealed class RouteQueries(NetlinkSocket socket) : IDisposable
{
    // An interface with all its statistics takes some 2 KB.
    private const int AnswerBytes = 32_768;

    private readonly byte[] _answer = new byte[AnswerBytes];

    /// <summary>
    /// Waits until whoever is changing the network's configuration has done: the kernel tells of a change while it is being made, and looks
    /// routes up meanwhile. What is asked after this shows every change that has been told of.
    /// </summary>
    // A question for an interface is answered under the lock that changes are made under (RTNL).
    public void AwaitChangeInProgress() => _ = FindLink(RouteNetlink.LoopbackIndex);

    /// <summary>The route of a packet of our own between two addresses, as they stand in memory. Null when there is none.</summary>
    public RouteMessage? FindRoute(uint destination, uint source)
    {
        var answer = Ask(NetlinkMessage.GetRouteBetween(source, destination), NetlinkMessage.NewRoute);
        return answer.IsEmpty ? null : RouteMessage.TryParse(answer);
    }

    /// <summary>An interface. Null when there is none of this index.</summary>
    public LinkMessage? FindLink(int interfaceIndex)
    {
        var answer = Ask(NetlinkMessage.GetInterface(interfaceIndex), NetlinkMessage.NewLink);
        return answer.IsEmpty ? null : LinkMessage.TryParse(answer);
    }

    /// <summary>A neighbour (kernel 5.0 and later). Null when the kernel has no entry for it.</summary>
    public NeighbourMessage? FindNeighbour(int interfaceIndex, uint address)
    {
        var answer = Ask(NetlinkMessage.GetNeighbourOf(interfaceIndex, address), NetlinkMessage.NewNeighbour);
        return answer.IsEmpty ? null : NeighbourMessage.TryParse(answer);
    }

    /// <summary>
    /// Tells the kernel that a neighbour is being used, so that it makes sure of it as it would for a packet that it sends itself.
    /// Needs CAP_NET_ADMIN.
    /// </summary>
    public SysResult UseNeighbour(int interfaceIndex, uint address)
    {
        var received = socket.Exchange(NetlinkMessage.UseNeighbourOf(interfaceIndex, address), _answer);
        return received.IsError ? received : SysResult.FromErrno(-MemoryMarshal.Read<int>(_answer.AsSpan(Unsafe.SizeOf<NetlinkHeader>())));
    }

    public void Dispose() => socket.Dispose();

    private ReadOnlySpan<byte> Ask(NetlinkMessage request, ushort answerType)
    {
        var received = socket.Exchange(request, _answer);
        if (received.IsError)
            return [];
        NetlinkReader reader = new(_answer.AsSpan(0, received.Value));
        return reader.Read() && reader.Header.Type == answerType ? reader.Payload : [];
    }
}
