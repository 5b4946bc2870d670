using System.Globalization;
using System.Text.Json;
using Gwlbtun.Comparison.Handlers;
using Gwlbtun.Comparison.Measuring;
using Gwlbtun.Comparison.Network;
using Gwlbtun.Shared;

namespace Gwlbtun.Comparison;

/// <summary>iperf3 between two real network stacks: the emulated load balancer carries what they send through the handler, both ways.</summary>
internal sealed class IperfRun(BenchmarkNetwork network, Handler handler, CancellationToken stop)
{
    private const string ClientAddress = "10.1.0.2";
    private const string ServerAddress = "10.2.0.2";
    private const string ClientDevice = "gwlb-client";
    private const string ServerDevice = "gwlb-server";
    private const string Connections = "4";
    private const int MostPings = 50;

    private static readonly TimeSpan _settle = TimeSpan.FromMilliseconds(300);

    /// <returns>Null when the handler did not come to be measured.</returns>
    public Measurement? Measure(TimeSpan duration)
    {
        network.AddEnds();
        using BackgroundProgram loadBalancer = BackgroundProgram.Start(network.LoadBalancer, Path.Combine(AppContext.BaseDirectory, "gwlb-emulator"), "bridge", "--appliance", $"{BenchmarkNetwork.ApplianceEnd.Address}",
            "--client-netns", network.Client, "--server-netns", network.Server, "--client-device", ClientDevice, "--server-device", ServerDevice, "--json", "-");
        loadBalancer.AwaitError("ready");
        GiveAddress(network.Client, ClientDevice, ClientAddress);
        GiveAddress(network.Server, ServerDevice, ServerAddress);
        using BackgroundProgram server = BackgroundProgram.Start(network.Server, "iperf3", "-s", "--forceflush");
        server.AwaitOutput("listening");
        if (!Reach())
            return null;

        Expense expense = Expense.Begin(handler);
        string seconds = Math.Ceiling(duration.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        string iperf = Command.Run("ip", "netns", "exec", network.Client, "iperf3", "-J", "-c", ServerAddress, "-P", Connections, "-t", seconds);
        expense.End();
        stop.ThrowIfCancellationRequested();
        if (!handler.IsAlive)
            return new Measurement { Failure = "died during the run: " + handler.LastWords() };
        double resident = handler.ResidentMegabytes;
        Thread.Sleep(_settle); // what is still on its way arrives
        using JsonDocument bridge = JsonDocument.Parse(loadBalancer.End());
        return Read(iperf, bridge.RootElement, expense) with { ResidentMegabytes = resident };
    }

    /// <summary>Puts together what iperf3 and the emulator say in JSON.</summary>
    internal static Measurement Read(string iperf, JsonElement bridge, Expense expense)
    {
        using JsonDocument document = JsonDocument.Parse(iperf);
        double bits = document.RootElement.GetProperty("end").GetProperty("sum_received").GetProperty("bits_per_second").GetDouble();
        double seconds = document.RootElement.GetProperty("end").GetProperty("sum_received").GetProperty("seconds").GetDouble();
        JsonElement[] sides = [bridge.GetProperty("client"), bridge.GetProperty("server")];
        long returned = sides.Sum(side => side.GetProperty("packetsDelivered").GetInt64());
        string[] objections = [.. bridge.GetProperty("objections").EnumerateArray().Select(objection => objection.GetString()!)];
        return new Measurement
        {
            PacketsPerSecond = returned / seconds,
            GigabitsPerSecond = bits / 1e9,
            HandlerMicroseconds = expense.HandlerMicroseconds(returned),
            MachineMicroseconds = expense.MachineMicroseconds(returned),
            StolenShare = expense.StolenShare,
            // TCP fills queues until something is dropped: what was sent and did not come back is no fault.
            Sent = sides.Sum(side => side.GetProperty("packetsSent").GetInt64()),
            Returned = returned,
            Failure = objections.Length == 0 ? null : string.Join("; ", objections),
        };
    }

    private static void GiveAddress(string networkNamespace, string device, string address)
    {
        Command.Run("ip", "-n", networkNamespace, "addr", "add", address + "/24", "dev", device);
        Command.Run("ip", "-n", networkNamespace, "route", "add", "default", "dev", device);
    }

    private bool Reach()
    {
        for (int i = 0; i < MostPings && handler.IsAlive; i++)
        {
            stop.ThrowIfCancellationRequested();
            if (Command.Try("ip", "netns", "exec", network.Client, "ping", "-q", "-c", "1", "-W", "1", ServerAddress).ExitCode == 0)
                return true;
        }

        return false;
    }
}
