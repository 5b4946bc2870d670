using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Gwlbtun.Actors.Configuration.Hocon;

namespace Gwlbtun.Actors.Configuration;

/// <summary>Reads a node as a value of type <typeparamref name="T"/>, or says in a sentence what is wrong with it.</summary>
internal delegate bool NodeReader<T>(HoconNode node, out T value, out string? error);

/// <summary>Reads a text as a value of type <typeparamref name="T"/>.</summary>
internal delegate bool TextReader<T>(string text, out T value);

/// <summary>What the value of a key must look like; <c>Expected</c> completes "… is not …" in errors, e.g. "a number from 0 to 65535".</summary>
internal sealed record SettingType<T>(string Expected, NodeReader<T> Read);

/// <summary>The types of the keys. All numbers are read and written in the invariant culture.</summary>
internal static partial class SettingTypes
{
    private static readonly (string Suffix, decimal Seconds)[] _durationUnits =
    [
        ("nanoseconds", 1e-9m), ("nanosecond", 1e-9m), ("nanos", 1e-9m), ("nano", 1e-9m), ("ns", 1e-9m),
        ("microseconds", 1e-6m), ("microsecond", 1e-6m), ("micros", 1e-6m), ("micro", 1e-6m), ("us", 1e-6m),
        ("milliseconds", 1e-3m), ("millisecond", 1e-3m), ("millis", 1e-3m), ("milli", 1e-3m), ("ms", 1e-3m),
        ("seconds", 1), ("second", 1), ("minutes", 60), ("minute", 60), ("hours", 3600), ("hour", 3600), ("days", 86400), ("day", 86400),
        ("s", 1), ("m", 60), ("h", 3600), ("d", 86400),
    ];

    // Seconds that a TimeSpan holds.
    private static readonly decimal _longest = TimeSpan.MaxValue.Ticks / TimeSpan.TicksPerSecond;

    // HOCON's size units: one letter and the -iB forms are powers of two, kB, MB and GB powers of ten.
    private static readonly (string Suffix, long Bytes)[] _sizeUnits =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("Ki", 1L << 10), ("Mi", 1L << 20), ("Gi", 1L << 30),
        ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000),
        ("K", 1L << 10), ("k", 1L << 10), ("M", 1L << 20), ("m", 1L << 20), ("G", 1L << 30), ("g", 1L << 30), ("B", 1), ("b", 1),
    ];

    /// <summary>A type whose values are one text each.</summary>
    public static SettingType<T> Text<T>(string expected, TextReader<T> read) => new(expected, (HoconNode node, out T value, out string? error) =>
    {
        value = default!;
        error = node switch
        {
            HoconScalar scalar when read(scalar.Text, out value) => null,
            HoconScalar scalar => $"'{scalar.Text}' is not {expected}.",
            HoconList => $"a list is not {expected}.",
            _ => $"a section is not {expected}.",
        };
        return error is null;
    });

    public static SettingType<int> Integer(int minimum, int maximum) => Text($"a number from {minimum} to {maximum}", (string text, out int value) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value) && value >= minimum && value <= maximum);

    public static SettingType<double> Fraction(double minimum, double maximum) => Text(
        string.Create(CultureInfo.InvariantCulture, $"a number from {minimum} to {maximum}"),
        (string text, out double value) =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && value >= minimum && value <= maximum);

    /// <summary>A whole number, or <c>auto</c>, read as null.</summary>
    public static SettingType<int?> IntegerOrAuto(int minimum, int maximum) => Text($"auto or a number from {minimum} to {maximum}", (string text, out int? value) =>
    {
        value = int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number : null;
        return value is null ? text == "auto" : value >= minimum && value <= maximum;
    });

    public static SettingType<bool> Switch { get; } = Text("on or off", (string text, out bool value) =>
    {
        value = text is "on" or "true" or "yes";
        return value || text is "off" or "false" or "no";
    });

    /// <summary>One of a few words, compared without case.</summary>
    public static SettingType<T> Word<T>(params (string Word, T Value)[] words) =>
        Text($"one of {string.Join(", ", words.Select(w => w.Word))}", (string text, out T value) =>
        {
            int index = Array.FindIndex(words, w => w.Word.Equals(text, StringComparison.OrdinalIgnoreCase));
            value = index < 0 ? default! : words[index].Value;
            return index >= 0;
        });

    /// <summary>A number with a unit; a bare number is seconds.</summary>
    public static SettingType<TimeSpan> Duration(TimeSpan minimum, TimeSpan maximum) =>
        Text($"a duration from {FormatDuration(minimum)} to {FormatDuration(maximum)} such as 350s, 2m or 120 (seconds)", (string text, out TimeSpan value) =>
        {
            value = default;
            (string number, decimal seconds) = SplitUnit(text, _durationUnits, bare: 1m);
            if (!decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal amount) || amount > _longest / seconds)
                return false;
            value = TimeSpan.FromTicks((long)Math.Round(amount * seconds * TimeSpan.TicksPerSecond));
            return value >= minimum && value <= maximum;
        });

    /// <summary>A number of bytes with a unit; a bare number is bytes.</summary>
    public static SettingType<long> Size(long minimum, long maximum) =>
        Text($"a size from {FormatSize(minimum)} to {FormatSize(maximum)} such as 128 MiB, 64K or 4096 (bytes)", (string text, out long value) =>
        {
            value = 0;
            (string number, long unit) = SplitUnit(text, _sizeUnits, bare: 1L);
            if (!decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal amount) || amount > long.MaxValue / unit)
                return false;
            value = (long)(amount * unit);
            return value >= minimum && value <= maximum;
        });

    public static SettingType<IPAddress> IPv4Address { get; } = Text("an IPv4 address", (string text, out IPAddress value) =>
        IPAddress.TryParse(text, out value!) && value.AddressFamily == AddressFamily.InterNetwork && text.Count(c => c == '.') == 3);

    /// <summary>A list such as <c>1-2,4,7-8</c>, or empty.</summary>
    public static SettingType<IReadOnlyList<int>> Cores(int maximumThreads) =>
        Text($"a list of at most {maximumThreads} cores such as 1-2,4,7-8", (string text, out IReadOnlyList<int> value) =>
            CoreList.TryParse(text, out value) && value.Count <= maximumThreads);

    public static SettingType<HookCommand?> Hook { get; } = new("a path or a shell command", (HoconNode node, out HookCommand? value, out string? error) =>
    {
        value = null;
        error = "a list or a section is not a path or a shell command.";
        return node is HoconScalar scalar && HookCommand.TryParse(scalar.Text, out value, out error);
    });

    /// <summary>A section of environment variables, or one text of <c>NAME=value</c>, separated by semicolons.</summary>
    public static SettingType<IReadOnlyDictionary<string, string>> Variables { get; } = new("variables such as { NAME = value }", ReadVariables);

    /// <summary>A list, or one text whose items are separated by blanks or semicolons (environment variables hold no lists).</summary>
    public static SettingType<IReadOnlyList<T>> ListOf<T>(string expected, TextReader<T> read) => new(expected, (HoconNode node, out IReadOnlyList<T> value, out string? error) =>
    {
        var items = new List<T>();
        value = items;
        error = null;
        IEnumerable<HoconNode> nodes = node switch
        {
            HoconList list => list.Items,
            HoconScalar scalar => scalar.Text.Split([' ', '\t', '\n', ';'], StringSplitOptions.RemoveEmptyEntries).Select(t => new HoconScalar(t, scalar.Origin)),
            _ => [node],
        };
        foreach (HoconNode item in nodes)
        {
            if (item is HoconScalar { Text: var text } && read(text, out T element))
                items.Add(element);
            else
                error ??= item is HoconScalar wrong ? $"'{wrong.Text}' is not {expected}." : $"a list or a section is not {expected}.";
        }

        return error is null;
    });

    private static bool ReadVariables(HoconNode node, out IReadOnlyDictionary<string, string> value, out string? error)
    {
        var variables = new Dictionary<string, string>();
        value = variables;
        error = node is HoconList ? "a list is not variables such as { NAME = value }." : null;
        IEnumerable<(string Name, HoconNode Value)> written = node switch
        {
            HoconObject section => section.Members.Select(m => (m.Key, m.Value)),
            HoconScalar scalar => scalar.Text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(t => Assignment(t, scalar.Origin)),
            _ => [],
        };
        foreach ((string name, HoconNode variable) in written)
        {
            if (!VariableName().IsMatch(name))
                error ??= $"'{name}' is not the name of a variable.";
            else if (name.StartsWith(SettingKey.EnvironmentPrefix, StringComparison.Ordinal))
                error ??= $"{name} is not for a file to set: what begins with {SettingKey.EnvironmentPrefix} is gwlbtun's own.";
            else if (variable is not HoconScalar text || text.Text.Contains('\0', StringComparison.Ordinal))
                error ??= $"the value of {name} is not a text.";
            else if (!text.IsNull)
                variables[name] = text.Text;
        }

        return error is null;
    }

    private static (string Name, HoconNode Value) Assignment(string text, SettingOrigin origin)
    {
        int sign = text.IndexOf('=', StringComparison.Ordinal);
        return sign < 0 ? (text + " without =", new HoconScalar("", origin)) : (text[..sign], new HoconScalar(text[(sign + 1)..], origin));
    }

    private static (string Number, TUnit Unit) SplitUnit<TUnit>(string text, (string Suffix, TUnit Unit)[] units, TUnit bare)
    {
        foreach ((string suffix, TUnit unit) in units)
        {
            if (text.EndsWith(suffix, StringComparison.Ordinal))
                return (text[..^suffix.Length].Trim(), unit);
        }

        return (text.Trim(), bare);
    }

    private static string FormatDuration(TimeSpan duration) => duration switch
    {
        { Ticks: 0 } => "0s",
        { Ticks: var t } when t % TimeSpan.TicksPerDay == 0 => $"{duration.Days}d",
        { Ticks: var t } when t % TimeSpan.TicksPerSecond == 0 => $"{(long)duration.TotalSeconds}s",
        _ => $"{(long)duration.TotalMilliseconds}ms",
    };

    private static string FormatSize(long bytes) => bytes switch
    {
        >= 1L << 30 when bytes % (1L << 30) == 0 => $"{bytes >> 30} GiB",
        >= 1L << 20 when bytes % (1L << 20) == 0 => $"{bytes >> 20} MiB",
        >= 1L << 10 when bytes % (1L << 10) == 0 => $"{bytes >> 10} KiB",
        _ => $"{bytes} B",
    };

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$", RegexOptions.CultureInvariant)]
    private static partial Regex VariableName();
}
