using System.Globalization;

namespace Gwlbtun.Native.Wire;

/// <summary>How an endpoint's 64-bit ID is written: in interface names, in hooks and reports, and by AWS.</summary>
public static class EniName
{
    // The first 60 of 0-9a-zA-Z: 11 of them hold 64 bits, and with a prefix of 4 they fill IFNAMSIZ - 1.
    private const string Digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX";
    private const int MaximumDigits = 11;

    /// <summary>The ID in base 60, most significant digit first, without padding; "0" for 0; at most 11 characters.</summary>
    public static string Base60(ulong eniId)
    {
        Span<char> text = stackalloc char[MaximumDigits];
        int at = MaximumDigits;
        do
        {
            (eniId, ulong digit) = Math.DivRem(eniId, (ulong)Digits.Length);
            text[--at] = Digits[(int)digit];
        }
        while (eniId != 0);
        return new string(text[at..]);
    }

    /// <summary>The device that decapsulated packets come out of.</summary>
    public static string IngressDevice(ulong eniId) => "gwi-" + Base60(eniId);

    /// <summary>The device that takes packets to be returned.</summary>
    public static string EgressDevice(ulong eniId) => "gwo-" + Base60(eniId);

    /// <summary>17 hexadecimal digits, zero-padded, as in an endpoint's ID.</summary>
    public static string Hex17(ulong eniId) => eniId.ToString("x17", CultureInfo.InvariantCulture);

    /// <summary>The endpoint's ID as AWS writes it.</summary>
    public static string VpceId(ulong eniId) => "vpce-" + Hex17(eniId);
}
