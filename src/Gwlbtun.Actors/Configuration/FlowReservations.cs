using Gwlbtun.Native.Flows;

namespace Gwlbtun.Actors.Configuration;

/// <summary>The reservations of a configuration together: which one counts for an ENI, and whether there can be room for all.</summary>
internal static class FlowReservations
{
    /// <summary>The ENI's own reservation, else the general one; of several the last counts, as in the C++ handler. Null when there is none.</summary>
    public static FlowReservation? For(IReadOnlyList<FlowReservation> reservations, ulong eniId) =>
        reservations.LastOrDefault(r => r.EniId == eniId) ?? reservations.LastOrDefault(r => r.EniId is null);

    /// <summary>What is reserved beyond the bounds of the flow tables: a sentence each.</summary>
    public static IEnumerable<string> Excesses(FlowSettings flows, int maxEnis)
    {
        // Part of max-total is set aside so that every ENI has some flows whatever the others do.
        long ofOne = new FlowBudget(flows.MaxTotal, maxEnis).MaxOfOne;
        FlowReservation[] counting = [.. flows.Reserve.Select(r => r.EniId).Distinct().Select(id => flows.Reserve.Last(r => r.EniId == id))];
        foreach (FlowReservation reservation in counting)
        {
            long sum = reservation.V4 + reservation.V6;
            if (sum > flows.MaxPerEni)
                yield return $"'{reservation}' is {sum} flows, more than flows.max-per-eni = {flows.MaxPerEni}.";
            else if (sum > ofOne)
                yield return $"'{reservation}' is {sum} flows, more than the {ofOne} that flows.max-total = {flows.MaxTotal} leaves for one of tunnel.max-enis = {maxEnis}.";
        }

        long own = counting.Where(r => r.EniId is not null).Sum(r => r.V4 + r.V6);
        if (own > flows.MaxTotal && counting.Count(r => r.EniId is not null) > 1)
            yield return $"what is reserved for single ENIs adds up to {own} flows, more than flows.max-total = {flows.MaxTotal}.";
    }
}
