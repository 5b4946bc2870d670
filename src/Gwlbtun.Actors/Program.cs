using Gwlbtun.Actors.CommandLine;
using Gwlbtun.Actors.Gateway;

// First of all: a signal that comes before this ends the process by its default action.
var signals = new StopSignals();
return Startup.Decide(args) switch
{
    StartupDecision.Run run => await GatewayProcess.RunAsync(run.Settings, run.Notices, signals).ConfigureAwait(false),
    StartupDecision.Exit exit => exit.Print(),
    var unknown => throw new NotSupportedException($"{unknown}"),
};
