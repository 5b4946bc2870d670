using System.Runtime.CompilerServices;

// Every P/Invoke here is blittable: without runtime marshalling the calls are compiled ahead of time, with no stub to build at start.
[assembly: DisableRuntimeMarshalling]
