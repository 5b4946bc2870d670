using System.Net.Sockets;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.CommandLine;

/// <summary>What surrounds a run in any mode: the load balancer, its health checks, and a thread of its own for the packets.</summary>
internal static class Session
{
    public static async Task<int> RunAsync(Func<LoadBalancerOptions> readOptions, Func<LoadBalancerOptions, LoadBalancer, int> run)
    {
        try
        {
            LoadBalancerOptions options = readOptions();
            LoadBalancer loadBalancer = new(options);
            HealthChecker? checker = options.HealthCheck is { } check ? new HealthChecker(check, options.Local, loadBalancer.Targets) : null;
            await using (checker)
                return await Task.Factory.StartNew(() => run(options, loadBalancer), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        catch (Exception e) when (e is LinuxException or SocketException)
        {
            await Console.Error.WriteLineAsync("gwlb-emulator: " + e.Message);
            return ExitCode.CannotStart;
        }
    }
}
