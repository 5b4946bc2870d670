using System.CommandLine;
using Gwlbtun.Emulator.CommandLine;

RootCommand root = new("A Gateway Load Balancer for the desk: sends flows to an appliance, and judges strictly what comes back.")
{
    BridgeCommand.Create(),
    BlastCommand.Create(),
    FleetCommand.Create(),
};
return await root.Parse(args).InvokeAsync();
