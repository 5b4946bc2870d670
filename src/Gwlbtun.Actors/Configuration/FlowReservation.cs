using System.Globalization;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Configuration;

/// <summary>Room made beforehand in the flow table of an ENI, as <c>--reserve</c> of the C++ handler v3.2 asks for it.</summary>
/// <param name="EniId">The ENI it is for; null = every ENI without a reservation of its own.</param>
/// <param name="V4Tcp">IPv4 TCP flows.</param>
/// <param name="V4Udp">IPv4 UDP flows.</param>
/// <param name="V4Other">Other IPv4 flows.</param>
/// <param name="V6Tcp">IPv6 TCP flows.</param>
/// <param name="V6Udp">IPv6 UDP flows.</param>
/// <param name="V6Other">Other IPv6 flows.</param>
public sealed record FlowReservation(ulong? EniId, int V4Tcp, int V4Udp, int V4Other, int V6Tcp, int V6Udp, int V6Other)
{
    internal const string Syntax = "[vpce-ID:]v4TCP,v4UDP,v4Other,v6TCP,v6UDP,v6Other";

    /// <summary>IPv4 flows of all protocols: they share one table.</summary>
    public long V4 => (long)V4Tcp + V4Udp + V4Other;

    /// <summary>IPv6 flows of all protocols.</summary>
    public long V6 => (long)V6Tcp + V6Udp + V6Other;

    private const int Counts = 6;
    private static readonly string[] _eniPrefixes = ["vpce-", "eni-"];

    /// <summary>Reads <c>[vpce-ID:]v4TCP,v4UDP,v4Other,v6TCP,v6UDP,v6Other</c>; the ID may also be <c>eni-HEX</c> or bare hexadecimal.</summary>
    public static bool TryParse(string text, out FlowReservation? reservation)
    {
        reservation = null;
        ulong? eniId = null;
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon >= 0)
        {
            if (!TryParseEni(text[..colon].Trim(), out ulong id))
                return false;
            eniId = id;
        }

        string[] fields = text[(colon + 1)..].Split(',');
        Span<int> counts = stackalloc int[Counts];
        if (fields.Length != Counts)
            return false;
        for (int i = 0; i < Counts; i++)
        {
            if (!int.TryParse(fields[i].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out counts[i]))
                return false;
        }

        reservation = new FlowReservation(eniId, counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]);
        return true;
    }

    /// <summary>Writes it as it is read.</summary>
    public override string ToString() =>
        $"{(EniId is { } eni ? EniName.VpceId(eni) + ":" : "")}{V4Tcp},{V4Udp},{V4Other},{V6Tcp},{V6Udp},{V6Other}";

    private static bool TryParseEni(string text, out ulong id)
    {
        foreach (string prefix in _eniPrefixes)
        {
            if (text.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            {
                text = text[prefix.Length..];
                break;
            }
        }

        return ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out id);
    }
}
