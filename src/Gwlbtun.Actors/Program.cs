using Gwlbtun.Actors.CommandLine;

StartupDecision decision = Startup.Decide(args);
if (decision is StartupDecision.Exit exit)
    return exit.Print();

return 0;
