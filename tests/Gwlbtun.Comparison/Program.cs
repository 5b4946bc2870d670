using System.CommandLine;
using Gwlbtun.Comparison.CommandLine;

// A run that is broken off still removes what it made.
InvocationConfiguration patient = new() { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) };
return await CompareCommand.Create().Parse(args).InvokeAsync(patient);
