using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary><c>struct msghdr</c> (bits/socket.h). Own: the library's <c>mmsghdr</c> hands out copies of it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MessageHeader
{
    public void* Name;
    public uint NameLength;
    public IoVector* Vectors;
    public nuint VectorCount;
    public byte* Control;
    public nuint ControlLength;
    public int Flags;
}

/// <summary><c>struct mmsghdr</c> (bits/socket.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MultiMessage
{
    public MessageHeader Header;
    public uint Length;
}

/// <summary><c>struct iovec</c> (bits/types/struct_iovec.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    public byte* Base;
    public nuint Length;
}

/// <summary><c>struct sockaddr_in</c> (netinet/in.h). Address and port stand in network byte order.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct InternetAddress
{
    public ushort Family;
    public ushort PortNetworkOrder;
    public uint Address;
    public ulong Zero;

    public InternetAddress(uint addressNetworkOrder, ushort port)
    {
        Family = 2; // AF_INET
        PortNetworkOrder = BinaryPrimitives.ReverseEndianness(port);
        Address = addressNetworkOrder;
        Zero = 0;
    }

    public readonly ushort Port => BinaryPrimitives.ReverseEndianness(PortNetworkOrder);
}

/// <summary><c>struct cmsghdr</c> (bits/socket.h) and the arithmetic around it: the library's <c>CMSG_LEN</c> rounds up where the kernel's does not.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ControlHeader
{
    public nuint Length;
    public int Level;
    public int Type;

    /// <summary>Bytes of the header itself.</summary>
    public const int Size = 16;

    /// <summary><c>CMSG_ALIGN</c>: rounded up to the size of a pointer (64-bit here).</summary>
    public static int Align(int length) => (length + 7) & ~7;

    /// <summary><c>CMSG_SPACE</c>: what one message of <paramref name="dataLength"/> bytes takes in the control buffer.</summary>
    public static int Space(int dataLength) => Size + Align(dataLength);
}

/// <summary><c>struct in_pktinfo</c> (netinet/in.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PacketInfo
{
    public int InterfaceIndex;
    public uint SpecificDestination;
    public uint Address;
}
