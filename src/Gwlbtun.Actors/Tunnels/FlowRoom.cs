using Gwlbtun.Actors.Configuration;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Wire;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>Makes room in an endpoint's flow table before its first flow comes (<c>flows.reserve</c>).</summary>
internal static class FlowRoom
{
    /// <summary>
    /// Reserves what the settings say, on a thread that may take its time: some tenths of a second for a million flows, whose memory is cleared.
    /// Costs nothing when it was done before.
    /// </summary>
    public static async Task ReserveAsync(EniGate gate, FlowSettings settings, ILogger logger)
    {
        if (gate.Matcher?.Flows is not { } flows || FlowReservations.For(settings.Reserve, gate.EniId) is not { } reservation)
            return;
        if (!await Task.Run(() => TryReserve(flows, reservation)).ConfigureAwait(false))
            logger.FlowsNotReserved(EniName.Hex17(gate.EniId), reservation.ToString());
    }

    // Both, whatever becomes of the first.
    private static bool TryReserve(FlowTable flows, FlowReservation reservation) =>
        flows.Reserve(FlowFamily.V4, reservation.V4) & flows.Reserve(FlowFamily.V6, reservation.V6);
}
