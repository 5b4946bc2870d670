using System.CommandLine;
using Gwlbtun.Comparison.CommandLine;

// A run that is broken off still removes what it made.
InvocationConfiguration patient = new() { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) };
ParseResult parsed = CompareCommand.Create().Parse(args);
int exitCode = await parsed.InvokeAsync(patient);
return parsed.Errors.Count == 0 ? exitCode : ReportedRun.CannotRun;
