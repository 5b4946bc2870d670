using System.Reflection;
using System.Runtime.InteropServices;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Tests.Linux;

/// <summary>
/// What the data plane says about the kernel's and the C library's constants and structs, line by line beside what the headers call it.
/// A new constant or struct in Native/Linux is one more line here, or among <see cref="OurOwn"/>.
/// </summary>
internal static class KernelAbi
{
    public const string Headers = """
        #define _GNU_SOURCE
        #include <errno.h>
        #include <fcntl.h>
        #include <poll.h>
        #include <sched.h>
        #include <signal.h>
        #include <spawn.h>
        #include <stddef.h>
        #include <stdio.h>
        #include <net/if.h>
        #include <net/if_arp.h>
        #include <netinet/in.h>
        #include <netinet/udp.h>
        #include <sys/eventfd.h>
        #include <sys/ioctl.h>
        #include <sys/mman.h>
        #include <sys/mount.h>
        #include <sys/prctl.h>
        #include <sys/resource.h>
        #include <sys/socket.h>
        #include <sys/stat.h>
        #include <sys/syscall.h>
        #include <sys/wait.h>
        #include <linux/bpf.h>
        #include <linux/capability.h>
        #include <linux/ethtool.h>
        #include <linux/fib_rules.h>
        #include <linux/filter.h>
        #include <linux/if_ether.h>
        #include <linux/if_link.h>
        #include <linux/if_packet.h>
        #include <linux/if_tun.h>
        #include <linux/netlink.h>
        #include <linux/nsfs.h>
        #include <linux/pkt_sched.h>
        #include <linux/rtnetlink.h>
        #include <linux/sockios.h>
        #include <linux/sock_diag.h>
        #include <linux/virtio_net.h>
        """;

    /// <summary>Constants: ours, and the C expression that must have the same value.</summary>
    public static readonly (string Ours, string Theirs)[] Constants =
    [
        ("AmbientCapabilities.AmbientSet", "PR_CAP_AMBIENT"),
        ("AmbientCapabilities.BitsPerPart", "8 * sizeof(((struct __user_cap_data_struct *)0)->permitted)"),
        ("AmbientCapabilities.RaiseAmbient", "PR_CAP_AMBIENT_RAISE"),
        ("AmbientCapabilities.Version", "_LINUX_CAPABILITY_VERSION_3"),
        ("BpfInstruction.Alu", "BPF_ALU"),
        ("BpfInstruction.Alu64", "BPF_ALU64"),
        ("BpfInstruction.End", "BPF_JMP | BPF_EXIT"),
        ("BpfInstruction.FromRegister", "BPF_X"),
        ("BpfInstruction.Jump", "BPF_JMP | BPF_JA"),
        ("BpfInstruction.JumpIfEqual", "BPF_JMP | BPF_JEQ | BPF_K"),
        ("BpfInstruction.JumpUnlessEqual", "BPF_JMP | BPF_JNE | BPF_K"),
        ("BpfInstruction.LoadAbsolute", "BPF_LD | BPF_ABS"),
        ("BpfInstruction.LoadMemoryWord", "BPF_LDX | BPF_MEM | BPF_W"),
        ("BpfProgram.ProgramLoad", "BPF_PROG_LOAD"),
        ("BpfProgram.SocketFilter", "BPF_PROG_TYPE_SOCKET_FILTER"),
        ("Capabilities.NetAdmin", "CAP_NET_ADMIN"),
        ("Capabilities.NetRaw", "CAP_NET_RAW"),
        ("Capabilities.SysAdmin", "CAP_SYS_ADMIN"),
        ("Capabilities.SysNice", "CAP_SYS_NICE"),
        ("ChildProcess.Kill", "SIGKILL"),
        ("ChildProcess.Terminate", "SIGTERM"),
        ("ControlHeader.Size", "CMSG_LEN(0)"),
        ("DeviceFeatures.Ethtool", "SIOCETHTOOL"),
        ("DeviceFeatures.FeatureNames", "ETH_SS_FEATURES"),
        ("DeviceFeatures.FeaturesPerBlock", "8 * sizeof(((struct ethtool_get_features_block *)0)->active)"),
        ("DeviceFeatures.GetFeatures", "ETHTOOL_GFEATURES"),
        ("DeviceFeatures.GetSetInfo", "ETHTOOL_GSSET_INFO"),
        ("DeviceFeatures.GetStrings", "ETHTOOL_GSTRINGS"),
        ("DeviceFeatures.NameBytes", "ETH_GSTRING_LEN"),
        ("FilterInstruction.ReturnConstant", "BPF_RET | BPF_K"),
        ("FileIdentity.AtEmptyPath", "AT_EMPTY_PATH"),
        ("FileIdentity.AtWorkingDirectory", "AT_FDCWD"),
        ("FileIdentity.MaskInode", "STATX_INO"),
        ("InterfaceDataRequest.NameBytes", "IFNAMSIZ"),
        ("LinkMonitor.LinkGroup", "RTMGRP_LINK"),
        ("LinuxError.EACCES", "EACCES"),
        ("LinuxError.EADDRINUSE", "EADDRINUSE"),
        ("LinuxError.EAGAIN", "EAGAIN"),
        ("LinuxError.EBADF", "EBADF"),
        ("LinuxError.EBADFD", "EBADFD"),
        ("LinuxError.EBUSY", "EBUSY"),
        ("LinuxError.EEXIST", "EEXIST"),
        ("LinuxError.EINTR", "EINTR"),
        ("LinuxError.EINVAL", "EINVAL"),
        ("LinuxError.EIO", "EIO"),
        ("LinuxError.EMSGSIZE", "EMSGSIZE"),
        ("LinuxError.ENOBUFS", "ENOBUFS"),
        ("LinuxError.ENODEV", "ENODEV"),
        ("LinuxError.ENOENT", "ENOENT"),
        ("LinuxError.ENOMEM", "ENOMEM"),
        ("LinuxError.EPERM", "EPERM"),
        ("NamedNetworkNamespace.CloneNewNet", "CLONE_NEWNET"),
        ("NamedNetworkNamespace.GetNamespaceType", "NS_GET_NSTYPE"),
        ("NamedNetworkNamespace.MountBind", "MS_BIND"),
        ("NamedNetworkNamespace.MountRecursive", "MS_REC"),
        ("NamedNetworkNamespace.MountShared", "MS_SHARED"),
        ("NamedNetworkNamespace.OpenCloseOnExec", "O_CLOEXEC"),
        ("NamedNetworkNamespace.OpenCreate", "O_CREAT"),
        ("NamedNetworkNamespace.OpenExclusive", "O_EXCL"),
        ("NamedNetworkNamespace.OpenReadOnly", "O_RDONLY"),
        ("NamedNetworkNamespace.UnmountDetach", "MNT_DETACH"),
        ("NetlinkMessage.AfInet6", "AF_INET6"),
        ("NetlinkMessage.DeleteLink", "RTM_DELLINK"),
        ("NetlinkMessage.Error", "NLMSG_ERROR"),
        ("NetlinkMessage.FlagAck", "NLM_F_ACK"),
        ("NetlinkMessage.FlagRequest", "NLM_F_REQUEST"),
        ("NetlinkMessage.GetLink", "RTM_GETLINK"),
        ("NetlinkMessage.IffUp", "IFF_UP"),
        ("NetlinkMessage.IflaAfSpec", "IFLA_AF_SPEC"),
        ("NetlinkMessage.IflaIfalias", "IFLA_IFALIAS"),
        ("NetlinkMessage.IflaIfname", "IFLA_IFNAME"),
        ("NetlinkMessage.IflaInet6AddrGenMode", "IFLA_INET6_ADDR_GEN_MODE"),
        ("NetlinkMessage.IflaMtu", "IFLA_MTU"),
        ("NetlinkMessage.IflaTxqlen", "IFLA_TXQLEN"),
        ("NetlinkMessage.In6AddrGenModeNone", "IN6_ADDR_GEN_MODE_NONE"),
        ("NetlinkMessage.FlagCreate", "NLM_F_CREATE"),
        ("NetlinkMessage.FlagReplace", "NLM_F_REPLACE"),
        ("NetlinkMessage.NewLink", "RTM_NEWLINK"),
        ("NetlinkMessage.NewQdisc", "RTM_NEWQDISC"),
        ("NetlinkMessage.TcRoot", "TC_H_ROOT"),
        ("NetlinkMessage.TcaKind", "TCA_KIND"),
        ("NiceValue.PrioProcess", "PRIO_PROCESS"),
        ("NiceValue.SchedOther", "SCHED_OTHER"),
        ("NiceValue.SchedResetOnFork", "SCHED_RESET_ON_FORK"),
        ("Pages.AdviseHugePage", "MADV_HUGEPAGE"),
        ("Pages.MapAnonymous", "MAP_ANONYMOUS"),
        ("Pages.MapPrivate", "MAP_PRIVATE"),
        ("Pages.ProtRead", "PROT_READ"),
        ("Pages.ProtWrite", "PROT_WRITE"),
        ("Signals.SIGINT", "SIGINT"),
        ("PollFd.In", "POLLIN"),
        ("PollFd.Out", "POLLOUT"),
        ("PosixSpawn.OpenCloseOnExec", "O_CLOEXEC"),
        ("PosixSpawn.PidFdOpen", "SYS_pidfd_open"),
        ("PosixSpawn.PollIn", "POLLIN"),
        ("PosixSpawn.SetProcessGroup", "POSIX_SPAWN_SETPGROUP"),
        ("PosixSpawn.SetSignalDefault", "POSIX_SPAWN_SETSIGDEF"),
        ("PosixSpawn.SetSignalMask", "POSIX_SPAWN_SETSIGMASK"),
        ("PosixSpawn.WaitNoHang", "WNOHANG"),
        ("SocketOption.AfInet", "AF_INET"),
        ("SocketOption.AfNetlink", "AF_NETLINK"),
        ("SocketOption.AfPacket", "AF_PACKET"),
        ("SocketOption.EthPAll", "ETH_P_ALL"),
        ("SocketOption.IpMtuDiscover", "IP_MTU_DISCOVER"),
        ("SocketOption.IpPktinfo", "IP_PKTINFO"),
        ("SocketOption.IpPmtudiscProbe", "IP_PMTUDISC_PROBE"),
        ("SocketOption.IpRecverr", "IP_RECVERR"),
        ("SocketOption.IpRecvfragsize", "IP_RECVFRAGSIZE"),
        ("SocketOption.IpprotoIp", "IPPROTO_IP"),
        ("SocketOption.IpprotoRaw", "IPPROTO_RAW"),
        ("SocketOption.IpprotoUdp", "IPPROTO_UDP"),
        ("SocketOption.MsgDontwait", "MSG_DONTWAIT"),
        ("SocketOption.MsgErrqueue", "MSG_ERRQUEUE"),
        ("SocketOption.MsgTrunc", "MSG_TRUNC"),
        ("SocketOption.PacketVnetHdr", "PACKET_VNET_HDR"),
        ("SocketOption.SoAttachFilter", "SO_ATTACH_FILTER"),
        ("SocketOption.SoBusyPoll", "SO_BUSY_POLL"),
        ("SocketOption.SoRcvbuf", "SO_RCVBUF"),
        ("SocketOption.SoRcvbufforce", "SO_RCVBUFFORCE"),
        ("SocketOption.SoReuseaddr", "SO_REUSEADDR"),
        ("SocketOption.SoReuseport", "SO_REUSEPORT"),
        ("SocketOption.SoMeminfo", "SO_MEMINFO"),
        ("SocketOption.MeminfoRmemAlloc", "SK_MEMINFO_RMEM_ALLOC"),
        ("SocketOption.MeminfoRcvbuf", "SK_MEMINFO_RCVBUF"),
        ("SocketOption.MeminfoVars", "SK_MEMINFO_VARS"),
        ("SocketOption.SoRxqOvfl", "SO_RXQ_OVFL"),
        ("SocketOption.SoSndbuf", "SO_SNDBUF"),
        ("SocketOption.SoSndbufforce", "SO_SNDBUFFORCE"),
        ("SocketOption.SockCloexec", "SOCK_CLOEXEC"),
        ("SocketOption.SockDgram", "SOCK_DGRAM"),
        ("SocketOption.SockNonblock", "SOCK_NONBLOCK"),
        ("SocketOption.SockRaw", "SOCK_RAW"),
        ("SocketOption.SolPacket", "SOL_PACKET"),
        ("SocketOption.SolSocket", "SOL_SOCKET"),
        ("SocketOption.UdpGro", "UDP_GRO"),
        ("TunDevice.IffMultiQueue", "IFF_MULTI_QUEUE"),
        ("TunDevice.IffNoPi", "IFF_NO_PI"),
        ("TunDevice.IffTun", "IFF_TUN"),
        ("TunDevice.IffTunExcl", "IFF_TUN_EXCL"),
        ("TunDevice.IffVnetHdr", "IFF_VNET_HDR"),
        ("TunDevice.OpenCloseOnExec", "O_CLOEXEC"),
        ("TunDevice.OpenNonBlocking", "O_NONBLOCK"),
        ("TunDevice.OpenReadWrite", "O_RDWR"),
        ("TunDevice.TunSetIff", "TUNSETIFF"),
        ("AddressMessage.AttributeLocal", "IFA_LOCAL"),
        ("NetlinkAttributes.TypeMask", "NLA_TYPE_MASK"),
        ("LinkMessage.AttributeAddress", "IFLA_ADDRESS"),
        ("LinkMessage.AttributeBytes", "IFLA_GSO_MAX_SIZE"),
        ("LinkMessage.AttributeDetails", "IFLA_LINKINFO"),
        ("LinkMessage.AttributeMtu", "IFLA_MTU"),
        ("LinkMessage.AttributeName", "IFLA_IFNAME"),
        ("LinkMessage.AttributeQueueing", "IFLA_QDISC"),
        ("LinkMessage.AttributeSegments", "IFLA_GSO_MAX_SEGS"),
        ("LinkMessage.Bare", "ARPHRD_NONE"),
        ("LinkMessage.DetailKind", "IFLA_INFO_KIND"),
        ("LinkMessage.Ethernet", "ARPHRD_ETHER"),
        ("LinkMessage.Loopback", "IFF_LOOPBACK"),
        ("LinkMessage.Running", "IFF_RUNNING"),
        ("LinkMessage.Up", "IFF_UP"),
        ("NeighbourMessage.AttributeHardwareAddress", "NDA_LLADDR"),
        ("NeighbourMessage.Delay", "NUD_DELAY"),
        ("NeighbourMessage.Permanent", "NUD_PERMANENT"),
        ("NeighbourMessage.Probe", "NUD_PROBE"),
        ("NeighbourMessage.Reachable", "NUD_REACHABLE"),
        ("NeighbourMessage.Stale", "NUD_STALE"),
        ("NetlinkMessage.DeleteAddress", "RTM_DELADDR"),
        ("NetlinkMessage.DeleteNeighbour", "RTM_DELNEIGH"),
        ("NetlinkMessage.DeleteNextHop", "RTM_DELNEXTHOP"),
        ("NetlinkMessage.DeleteQdisc", "RTM_DELQDISC"),
        ("NetlinkMessage.DeleteRoute", "RTM_DELROUTE"),
        ("NetlinkMessage.DeleteRule", "RTM_DELRULE"),
        ("NetlinkMessage.GetNeighbour", "RTM_GETNEIGH"),
        ("NetlinkMessage.GetRoute", "RTM_GETROUTE"),
        ("NetlinkMessage.NdaDst", "NDA_DST"),
        ("NetlinkMessage.NewAddress", "RTM_NEWADDR"),
        ("NetlinkMessage.NewNeighbour", "RTM_NEWNEIGH"),
        ("NetlinkMessage.NewNextHop", "RTM_NEWNEXTHOP"),
        ("NetlinkMessage.NewRoute", "RTM_NEWROUTE"),
        ("NetlinkMessage.NewRule", "RTM_NEWRULE"),
        ("NetlinkMessage.NtfUse", "NTF_USE"),
        ("NetlinkMessage.RtaDst", "RTA_DST"),
        ("NetlinkMessage.RtaSrc", "RTA_SRC"),
        ("RouteMessage.AttributeDestination", "RTA_DST"),
        ("RouteMessage.AttributeEncapsulation", "RTA_ENCAP"),
        ("RouteMessage.AttributeGateway", "RTA_GATEWAY"),
        ("RouteMessage.AttributeInterface", "RTA_OIF"),
        ("RouteMessage.AttributeMetrics", "RTA_METRICS"),
        ("RouteMessage.AttributeVia", "RTA_VIA"),
        ("RouteMessage.Cloned", "RTM_F_CLONED"),
        ("RouteMessage.MetricMtu", "RTAX_MTU"),
        ("RouteMessage.Unicast", "RTN_UNICAST"),
        ("RuleMessage.AttributeInputInterface", "FRA_IIFNAME"),
        ("TunDevice.TunSetOffload", "TUNSETOFFLOAD"),
        ("TunDevice.TunSetSteeringEbpf", "TUNSETSTEERINGEBPF"),
        ("VirtioNetHeader.GsoEcn", "VIRTIO_NET_HDR_GSO_ECN"),
        ("VirtioNetHeader.GsoNone", "VIRTIO_NET_HDR_GSO_NONE"),
        ("VirtioNetHeader.GsoTcp4", "VIRTIO_NET_HDR_GSO_TCPV4"),
        ("VirtioNetHeader.GsoTcp6", "VIRTIO_NET_HDR_GSO_TCPV6"),
        ("VirtioNetHeader.Length", "sizeof(struct virtio_net_hdr)"),
        ("VirtioNetHeader.NeedsChecksum", "VIRTIO_NET_HDR_F_NEEDS_CSUM"),
    ];

    /// <summary>Structs: ours, theirs, and every field of ours beside the member that it stands for.</summary>
    public static readonly (string Ours, string Theirs, string Fields)[] Structs =
    [
        ("CapabilityData", "struct __user_cap_data_struct", "Effective=effective Permitted=permitted Inheritable=inheritable"),
        ("CapabilityHeader", "struct __user_cap_header_struct", "Version=version ThreadId=pid"),
        ("ControlHeader", "struct cmsghdr", "Length=cmsg_len Level=cmsg_level Type=cmsg_type"),
        ("FeatureBlock", "struct ethtool_get_features_block", "Available=available Requested=requested Active=active NeverChanged=never_changed"),
        ("FeatureStates", "struct ethtool_gfeatures", "Command=cmd Size=size"),
        ("FeatureStrings", "struct ethtool_gstrings", "Command=cmd Set=string_set Count=len"),
        ("FilterInstruction", "struct sock_filter", "Code=code JumpTrue=jt JumpFalse=jf Constant=k"),
        ("FilterProgram", "struct sock_fprog", "Length=len Instructions=filter"),
        ("LinkLayerAddress", "struct sockaddr_ll", "Family=sll_family ProtocolNetworkOrder=sll_protocol InterfaceIndex=sll_ifindex HardwareType=sll_hatype PacketType=sll_pkttype AddressLength=sll_halen Address=sll_addr"),
        ("FileStatus", "struct statx", "Inode=stx_ino DeviceMajor=stx_dev_major DeviceMinor=stx_dev_minor"),
        ("InterfaceDataRequest", "struct ifreq", "Name=ifr_name Data=ifr_data"),
        ("InterfaceInfo", "struct ifinfomsg", "Family=ifi_family Padding=__ifi_pad Type=ifi_type Index=ifi_index Flags=ifi_flags Change=ifi_change"),
        ("InterfaceRequest", "struct ifreq", "Name=ifr_name Flags=ifr_flags"),
        ("InternetAddress", "struct sockaddr_in", "Family=sin_family PortNetworkOrder=sin_port Address=sin_addr Zero=sin_zero"),
        ("IoVector", "struct iovec", "Base=iov_base Length=iov_len"),
        ("MessageHeader", "struct msghdr", "Name=msg_name NameLength=msg_namelen Vectors=msg_iov VectorCount=msg_iovlen Control=msg_control ControlLength=msg_controllen Flags=msg_flags"),
        ("MultiMessage", "struct mmsghdr", "Header=msg_hdr Length=msg_len"),
        ("NetlinkAddress", "struct sockaddr_nl", "Family=nl_family Padding=nl_pad PortId=nl_pid Groups=nl_groups"),
        ("TrafficControlInfo", "struct tcmsg", "Family=tcm_family Padding1=tcm__pad1 Padding2=tcm__pad2 Index=tcm_ifindex Handle=tcm_handle Parent=tcm_parent Info=tcm_info"),
        ("NetlinkAttribute", "struct nlattr", "Length=nla_len Type=nla_type"),
        ("NetlinkHeader", "struct nlmsghdr", "Length=nlmsg_len Type=nlmsg_type Flags=nlmsg_flags Sequence=nlmsg_seq PortId=nlmsg_pid"),
        ("PacketInfo", "struct in_pktinfo", "InterfaceIndex=ipi_ifindex SpecificDestination=ipi_spec_dst Address=ipi_addr"),
        ("PollDescriptor", "struct pollfd", "Fd=fd Events=events ReturnedEvents=revents"),
        ("PollFd", "struct pollfd", "Fd=fd Events=events Returned=revents"),
        ("AddressInfo", "struct ifaddrmsg", "Family=ifa_family PrefixLength=ifa_prefixlen Flags=ifa_flags Scope=ifa_scope Index=ifa_index"),
        ("NeighbourInfo", "struct ndmsg", "Family=ndm_family Padding1=ndm_pad1 Padding2=ndm_pad2 Index=ndm_ifindex State=ndm_state Flags=ndm_flags Type=ndm_type"),
        ("RouteInfo", "struct rtmsg", "Family=rtm_family DestinationLength=rtm_dst_len SourceLength=rtm_src_len TypeOfService=rtm_tos Table=rtm_table Protocol=rtm_protocol Scope=rtm_scope Type=rtm_type Flags=rtm_flags"),
        ("RuleInfo", "struct fib_rule_hdr", "Family=family DestinationLength=dst_len SourceLength=src_len TypeOfService=tos Table=table Reserved1=res1 Reserved2=res2 Action=action Flags=flags"),
        ("VirtioNetHeader", "struct virtio_net_hdr", "Flags=flags GsoType=gso_type HeaderLength=hdr_len GsoSize=gso_size ChecksumStart=csum_start ChecksumOffset=csum_offset"),
    ];

    /// <summary>Buffers of ours: the C expression is what they must at least hold.</summary>
    public static readonly (string Ours, string Theirs)[] Room =
    [
        ("CpuAffinity.MaskBytes", "sizeof(cpu_set_t)"),
        ("PosixSpawn.OpaqueSize", "sizeof(posix_spawn_file_actions_t)"),
        ("PosixSpawn.OpaqueSize", "sizeof(posix_spawnattr_t)"),
        ("PosixSpawn.SignalSetSize", "sizeof(sigset_t)"),
    ];

    /// <summary>Sizes, bounds and types that no header knows of.</summary>
    public static readonly string[] OurOwn =
    [
        "BoundSockets.SendBufferBytes",
        // Bit fields, and a part of a union with members of many sizes: QueueSteeringSpecs runs what they describe.
        "BpfInstruction",
        "BpfLoad",
        "ChildProcess.PollMillisecondsWithoutPidFd",
        "ChildProcess.ReadsPerPipe",
        "Entry",
        // struct ethtool_sset_info with an element behind it: DeviceFeaturesSpecs has the kernel fill it.
        "StringSetInfo",
        "LineSplitter.MaximumLength",
        "LinkMonitor.BufferBytes",
        "LinkMonitor.EventsAtOnce",
        "LinkMonitor.StopToken",
        // Columns of /proc/net/dev.
        "InterfaceStatistics.NameColumn",
        "InterfaceStatistics.TransmitDropsColumn",
        "NamedNetworkNamespace.FolderMode",
        "NamedNetworkNamespace.StackBytes",
        "NetlinkMessage.AddressBits",
        "NetlinkSocket.SubscriptionBufferBytes",
        "PacketSlab.Alignment",
        "PacketSlab.Headroom",
        "PacketSlab.PacketBytes",
        "PacketSlab.ReadBytes",
        "PacketSlab.Stride",
        "Pages.HugePage",
        "PortOwners.InodeColumn",
        "PortOwners.LocalAddressColumn",
        "PortOwners.StateColumn",
        // Columns of /proc/stat.
        "ProcessorTimes.IdleTicks",
        "ProcessorTimes.StolenTicks",
        "ProcessorTimes.UserTicks",
        "ProcessorTimes.WaitTicks",
        "ReceiveBatch.BytesAtOnce",
        "ReceiveBatch.ControlBytes",
        "ReceiveBatch.SlotBytes",
        "ReceiveBatch.SlotStride",
        "RouteNetlink.AnswerBytes",
        "RouteNetlink.LoopbackIndex",
        "RouteQueries.AnswerBytes",
        "SendBatch.DefaultPackets",
        "SendBatch.MessageCapacity",
        "SendBatch.PieceCapacity",
        // Columns of /proc/self/task/TID/stat.
        "ThreadTime.KernelTicks",
        "ThreadTime.UserTicks",
        "TunDevice.MaximumQueues",
        // Newer than the headers of the oldest system that this is built on: NextHopChangeSpecs has the kernel tell it.
        "LinkMessage.AttributeBytesOfIpv4",
        // The kernel's own (include/linux/udp.h).
        "VirtioNetHeader.MaximumUdpSegments",
        // Newer than the headers of the oldest system that this is built on: OffloadProbeSpecs has the kernel take it.
        "VirtioNetHeader.GsoUdp",
    ];

    private const BindingFlags All = BindingFlags.DeclaredOnly | BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    /// <summary>Every number that Native/Linux has a name for.</summary>
    public static IEnumerable<string> AllConstants =>
        from type in Types
        from constant in type.GetFields(All)
        where constant.IsLiteral && constant.FieldType.IsPrimitive && !type.IsEnum
        select $"{type.Name}.{constant.Name}";

    /// <summary>Every struct in Native/Linux that could be handed to the kernel: none of these is public.</summary>
    public static IEnumerable<string> AllStructs =>
        from type in Types
        where type is { IsValueType: true, IsEnum: false, IsByRefLike: false, IsPublic: false }
        select type.Name;

    /// <summary>The errno names that <see cref="LinuxError.Name"/> gives, with their numbers.</summary>
    public static IEnumerable<(int Number, string Name)> ErrorNames =>
        from number in Enumerable.Range(1, 133)
        let name = new LinuxError(number).Name
        where name.StartsWith('E')
        select (number, name);

    private static IEnumerable<Type> Types =>
        typeof(LinuxError).Assembly.GetTypes().Where(type => type.Namespace == typeof(LinuxError).Namespace && !type.Name.Contains('<', StringComparison.Ordinal));

    /// <summary>A constant's bits: the kernel has flags in the highest bit of fields that are signed.</summary>
    public static long ValueOf(string constant)
    {
        string[] parts = constant.Split('.');
        object value = TypeOf(parts[0]).GetField(parts[1], All)?.GetRawConstantValue() ?? throw new InvalidOperationException($"There is no constant {constant}.");
        return value is short flags ? (ushort)flags : Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture);
    }

    public static long SizeOf(string type) => Marshal.SizeOf(TypeOf(type));

    public static long OffsetOf(string type, string field) => Marshal.OffsetOf(TypeOf(type), field);

    public static IEnumerable<string> FieldsOf(string type) =>
        TypeOf(type).GetFields(All).Where(field => !field.IsStatic).Select(field => field.Name);

    private static Type TypeOf(string name) =>
        Types.SingleOrDefault(type => type.Name == name) ?? throw new InvalidOperationException($"There is no type {name} in Native/Linux.");
}
