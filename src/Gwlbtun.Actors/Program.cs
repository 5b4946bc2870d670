using Gwlbtun.Actors.CommandLine;
using Gwlbtun.Actors.Gateway;

return Startup.Decide(args) switch
{
    StartupDecision.Run run => await GatewayProcess.RunAsync(run.Settings, run.Notices).ConfigureAwait(false),
    StartupDecision.Exit exit => exit.Print(),
    var unknown => throw new NotSupportedException($"{unknown}"),
};
