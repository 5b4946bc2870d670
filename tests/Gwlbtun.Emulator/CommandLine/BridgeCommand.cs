using System.CommandLine;
using Gwlbtun.Emulator.Bridging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Emulator.CommandLine;

/// <summary><c>gwlb-emulator bridge</c>: real programs on both sides of an appliance.</summary>
internal static class BridgeCommand
{
    public static Command Create()
    {
        LoadBalancerArguments shared = new();
        Option<ulong> endpoint = LoadBalancerArguments.Endpoint("--eni", "The endpoint's (ENI) ID.");
        Option<string> clientDevice = new("--client-device") { Description = "TUN device on the client's side.", DefaultValueFactory = _ => "gwlb-client" };
        Option<string> serverDevice = new("--server-device") { Description = "TUN device on the server's side.", DefaultValueFactory = _ => "gwlb-server" };
        Option<string?> clientNamespace = new("--client-netns") { Description = "Network namespace of the client's device, by name or path." };
        Option<string?> serverNamespace = new("--server-netns") { Description = "Network namespace of the server's device, by name or path." };
        Option<int> mtu = new("--mtu") { Description = "Bytes of the largest inner packet; the devices get it too.", DefaultValueFactory = _ => 8500 };
        Option<double?> statsEvery = new("--stats-every") { Description = "Prints what flowed so often, in seconds.", HelpName = "SECONDS" };

        Command command = new("bridge", "Makes a client's and a server's TUN device; what programs send from one side to the other passes through the appliance both ways.");
        shared.AddTo(command);
        foreach (Option option in (Option[])[endpoint, clientDevice, serverDevice, clientNamespace, serverNamespace, mtu, statsEvery])
            command.Options.Add(option);
        command.SetAction((parsed, stop) => Session.RunAsync(
            () => shared.Read(parsed, endpoint, endpoints: 1),
            (loadBalancerOptions, loadBalancer) => Run(loadBalancerOptions, loadBalancer, new BridgeOptions
            {
                Client = new SideOptions(parsed.GetValue(clientDevice)!, parsed.GetValue(clientNamespace)),
                Server = new SideOptions(parsed.GetValue(serverDevice)!, parsed.GetValue(serverNamespace)),
                Mtu = parsed.GetValue(mtu),
                StatsEvery = parsed.GetValue(statsEvery) is { } every ? TimeSpan.FromSeconds(every) : null,
            }, parsed.GetValue(shared.Json), stop)));
        return command;
    }

    private static int Run(LoadBalancerOptions loadBalancerOptions, LoadBalancer loadBalancer, BridgeOptions options, string? json, CancellationToken stop)
    {
        using Bridge bridge = new(options, loadBalancerOptions, loadBalancer);
        BridgeReport report = new(bridge, loadBalancerOptions, loadBalancer);
        // Whoever started it waits for this line before giving the devices addresses.
        Console.Error.WriteLine($"ready: {options.Client.Device} and {options.Server.Device} through {string.Join(", ", loadBalancerOptions.Appliances)} as {EniName.VpceId(loadBalancerOptions.EndpointBase)}");
        long lastStats = Environment.TickCount64;
        bridge.Run(PrintStats, stop);
        Summary.Write(json, report.ToJson(), output =>
        {
            report.WriteText(output);
            report.WriteVerdict(output);
        });
        return report.Objections().Count == 0 ? ExitCode.Good : ExitCode.NotGood;

        void PrintStats()
        {
            if (options.StatsEvery is not { } every || Environment.TickCount64 - lastStats < every.TotalMilliseconds)
                return;
            lastStats = Environment.TickCount64;
            report.WriteText(Console.Error);
        }
    }
}
