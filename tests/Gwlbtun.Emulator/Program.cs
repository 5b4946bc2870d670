using System.CommandLine;
using Gwlbtun.Emulator.CommandLine;

RootCommand root = new("A Gateway Load Balancer for the desk: sends flows to an appliance, and judges strictly what comes back.")
{
    BridgeCommand.Create(),
    BlastCommand.Create(),
    FleetCommand.Create(),
};
// One that is told to stop still waits for what is on its way, sums up, and removes its devices.
InvocationConfiguration patient = new() { ProcessTerminationTimeout = TimeSpan.FromMinutes(2) };
return await root.Parse(args).InvokeAsync(patient);
