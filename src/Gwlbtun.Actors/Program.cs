using Gwlbtun.Actors.CommandLine;

StartupDecision decision = Startup.Decide(args);
if (decision is StartupDecision.Exit exit)
{
    Console.Out.Write(exit.Output);
    Console.Error.Write(exit.Error);
    return exit.Code;
}

return 0;
