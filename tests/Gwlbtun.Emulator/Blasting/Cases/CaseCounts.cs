namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>What was sent beyond whole packets, and what was wrong with returned headers. Written by one thread.</summary>
internal sealed class CaseCounts(CaseOptions cases)
{
    /// <summary>Datagrams that were sent in fragments.</summary>
    public long FragmentedDatagrams { get; set; }

    public long FragmentsSent { get; set; }

    /// <summary>ICMP errors that were sent to the appliance.</summary>
    public long ErrorsSent { get; set; }

    /// <summary>Packets with hop limit 1.</summary>
    public long ExpiringSent { get; set; }

    /// <summary>Times that a conversation got new cookies.</summary>
    public long CookieChanges { get; set; }

    /// <summary>Returned with a cookie that was never issued.</summary>
    public long UnknownCookie { get; set; }

    /// <summary>Returned with a header that was not its flow's any more when the packet was sent.</summary>
    public long StaleHeader { get; set; }

    /// <summary>Returned with the header of the opposite direction.</summary>
    public long OtherDirectionsHeader { get; set; }

    /// <summary>Returned with the header of the datagram's other fragments, or of another kind of packet of the conversation.</summary>
    public long OtherFragmentsHeader { get; set; }

    /// <summary>Returned with the header of another conversation.</summary>
    public long OtherFlowsHeader { get; set; }

    /// <summary>What the options asked for and the run never came to: a run that proves nothing is not good.</summary>
    public IEnumerable<string> Objections()
    {
        if (cases.FragmentSize is not null && FragmentedDatagrams == 0)
            yield return "no datagram was sent in fragments";
        if ((cases.Errors & ErrorKinds.In) != 0 && ErrorsSent == 0)
            yield return "no ICMP error was sent: too few packets for each flow";
        if ((cases.Errors & ErrorKinds.Originated) != 0 && ExpiringSent == 0)
            yield return "no packet with hop limit 1 was sent: too few packets for each flow";
        if (cases.ChurnEvery is not null && CookieChanges == 0)
            yield return "no cookie changed: too few packets for each flow";
    }

    /// <summary>All of it by name.</summary>
    public IReadOnlyDictionary<string, long> Snapshot() => new Dictionary<string, long>
    {
        [nameof(FragmentedDatagrams)] = FragmentedDatagrams,
        [nameof(FragmentsSent)] = FragmentsSent,
        [nameof(ErrorsSent)] = ErrorsSent,
        [nameof(ExpiringSent)] = ExpiringSent,
        [nameof(CookieChanges)] = CookieChanges,
        [nameof(UnknownCookie)] = UnknownCookie,
        [nameof(StaleHeader)] = StaleHeader,
        [nameof(OtherDirectionsHeader)] = OtherDirectionsHeader,
        [nameof(OtherFragmentsHeader)] = OtherFragmentsHeader,
        [nameof(OtherFlowsHeader)] = OtherFlowsHeader,
    };
}
