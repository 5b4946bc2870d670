using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>Makes an endpoint's device pair, and room for its flows before.</summary>
internal static class PortOpening
{
    // For a second: on a busy machine a process that has just been made may take long to get to its exec.
    private const int Tries = 50;

    private static readonly TimeSpan _betweenTries = TimeSpan.FromMilliseconds(20);

    /// <exception cref="LinuxException">A device cannot be made; nothing is left behind.</exception>
    public static async Task<TunnelPort> OpenAsync(TunnelServices services, EniGate gate)
    {
        await FlowRoom.ReserveAsync(gate, services.Settings.Flows, services.Logger).ConfigureAwait(false);
        return await OpenDevicesAsync(services, gate).ConfigureAwait(false);
    }

    // Those of a former pair may still exist for a moment: a device goes with its last descriptor, and a hook that is just being started holds
    // copies of ours until its exec.
    private static async Task<TunnelPort> OpenDevicesAsync(TunnelServices services, EniGate gate)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await services.Devices.StartNew(() => services.DataPlane.OpenPort(gate)).ConfigureAwait(false);
            }
            catch (LinuxException busy) when (busy.Error.Number == LinuxError.EBUSY && tries < Tries)
            {
                await Task.Delay(_betweenTries).ConfigureAwait(false);
            }
        }
    }
}
