namespace Gwlbtun.EndToEnd.Tests.Offload;

/// <summary>What of the fast paths is on and off, and how many datagrams are taken at once; written <c>send=off batch=512</c>, what is not named being as by default.</summary>
internal sealed class OffloadMix
{
    public const string Receive = "receive";
    public const string Send = "send";
    public const string Join = "join";
    public const string Fused = "fused";
    public const string Steering = "steering";

    private static readonly (string Switch, string Variable)[] _switches =
    [
        (Receive, "GWLBTUN_TUNNEL_OFFLOAD_RECEIVE"), (Send, "GWLBTUN_TUNNEL_OFFLOAD_SEND"), (Join, "GWLBTUN_TUNNEL_OFFLOAD_JOIN"),
        ("into-tcp", "GWLBTUN_TUNNEL_OFFLOAD_INTO_TCP"), ("into-udp", "GWLBTUN_TUNNEL_OFFLOAD_INTO_UDP"),
        ("out-of-tcp", "GWLBTUN_TUNNEL_OFFLOAD_OUT_OF_TCP"), ("out-of-udp", "GWLBTUN_TUNNEL_OFFLOAD_OUT_OF_UDP"),
        (Fused, "GWLBTUN_THREADS_FUSED"), (Steering, "GWLBTUN_TUNNEL_STEERING"),
    ];

    private static readonly int[] _batches = [1, 64, 512];

    private readonly HashSet<string> _off = [];

    private OffloadMix(IEnumerable<string> off, int batch)
    {
        _off.UnionWith(off);
        Batch = batch;
    }

    /// <summary>Datagrams that a receive thread takes at once.</summary>
    public int Batch { get; }

    /// <summary>Every switch as an environment variable of gwlbtun: a mix does not depend on that of the test's caller.</summary>
    public IEnumerable<(string Name, string Value)> Variables =>
        [.. _switches.Select(known => (known.Variable, IsOn(known.Switch) ? "on" : "off")), ("GWLBTUN_GENEVE_BATCH", $"{Batch}")];

    public bool IsOn(string name) => !_off.Contains(name);

    /// <summary>Whether packets of a protocol are merged on their way into a tunnel.</summary>
    public bool Merges(string protocol) => Batch > 1 && IsOn($"into-{protocol}");

    /// <summary>Whether they come out of it merged.</summary>
    public bool TakesMerged(string protocol) => Merges(protocol) && IsOn($"out-of-{protocol}");

    /// <summary>Whether they go back to the load balancer merged; null: it depends on how many come out of the tunnel at once.</summary>
    public bool? SendsMerged(string protocol) =>
        IsOn(Send) && (TakesMerged(protocol) || (IsOn(Join) && IsOn(Fused) && Batch > 1)) ? true
        : IsOn(Send) && IsOn(Join) ? null
        : false;

    public static OffloadMix Parse(string text)
    {
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => word.Split('=')).ToDictionary(word => word[0], word => word[1]);
        var batch = words.Remove("batch", out var number) ? int.Parse(number) : 64;
        var unknown = words.Where(word => word.Value != "off" || !_switches.Any(known => known.Switch == word.Key)).ToArray();
        return unknown.Length == 0 ? new OffloadMix(words.Keys, batch) : throw new ArgumentException($"No such switch: {unknown[0].Key}={unknown[0].Value}.", nameof(text));
    }

    /// <summary>Each switch on or off by chance; the same seed gives the same mix.</summary>
    public static OffloadMix Of(int seed)
    {
        var random = new Random(seed);
        string[] off = [.. _switches.Select(known => known.Switch).Where(_ => random.Next(3) == 0)];
        return new OffloadMix(off, _batches[random.Next(_batches.Length)]);
    }

    public override string ToString() => string.Join(' ', [.. _off.Order(StringComparer.Ordinal).Select(name => $"{name}=off"), $"batch={Batch}"]);
}
