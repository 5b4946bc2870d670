using System.Globalization;

namespace Gwlbtun.Native.Linux;

/// <summary>The effective capabilities of this process (capabilities(7)), as <c>CapEff</c> of /proc/self/status shows them.</summary>
/// <param name="Bits">Bit n is the capability of number n.</param>
public readonly record struct Capabilities(ulong Bits)
{
    // linux/capability.h
    private const int NetAdmin = 12;
    private const int NetRaw = 13;
    private const int SysAdmin = 21;
    private const int SysNice = 23;

    private const string Field = "CapEff:";

    /// <summary>CAP_NET_ADMIN: making TUN devices, setting links up, SO_RCVBUFFORCE.</summary>
    public bool HasNetAdmin => (Bits >> NetAdmin & 1) != 0;

    /// <summary>CAP_NET_RAW: raw and packet sockets.</summary>
    public bool HasNetRaw => (Bits >> NetRaw & 1) != 0;

    /// <summary>CAP_SYS_ADMIN: making and entering network namespaces, and naming them.</summary>
    public bool HasSysAdmin => (Bits >> SysAdmin & 1) != 0;

    /// <summary>CAP_SYS_NICE: threads that come before others.</summary>
    public bool HasSysNice => (Bits >> SysNice & 1) != 0;

    /// <summary>Those of this process.</summary>
    public static Capabilities OfThisProcess() => Parse(File.ReadLines("/proc/self/status"));

    /// <summary>Those in the lines of a <c>/proc/PID/status</c>; none where the field is missing.</summary>
    internal static Capabilities Parse(IEnumerable<string> statusLines)
    {
        foreach (var line in statusLines)
        {
            if (line.StartsWith(Field, StringComparison.Ordinal))
                return new(ulong.Parse(line.AsSpan(Field.Length).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
        }
        return default;
    }
}
