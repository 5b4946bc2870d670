using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Hosting;
using Gwlbtun.Actors.Gateway;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Native.Linux;
using Gwlbtun.Shared;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Gwlbtun.Actors.Tests.Gateway;

/// <summary>The host as the process builds it, in real time.</summary>
public sealed class GatewayHostingSpecs : GatewayKit
{
    private readonly CapturedLog _log = new();

    [Fact]
    public async Task Should_serve_until_stopped_and_leave_the_port_free()
    {
        var settings = Settings(("GWLBTUN_HOOKS_DESTROY", "echo"));
        var loggers = new CapturedLoggers(_log);
        using var drain = new Drain();
        using var host = GatewayProcess.Build(settings, DataPlane.Bind(settings.ToDataPlane(), loggers), drain, new StopSignals(), loggers);
        await StartAsync(host);
        await _log.Contains("is ready");
        Send();
        await _log.Contains("created");
        var gateway = host.Services.GetRequiredService<IRequiredActor<GatewaySupervisor>>().ActorRef;
        var report = await gateway.Ask<GatewayReport>(GetReport.Instance, Wait.Patience);

        await host.StopAsync();

        Assert.True(report.Healthy);
        await _log.Contains("DESTROY");
        await _log.Contains("destroyed: the handler stops");
        await GoneAsync(Gwi);
        // Bound without sharing: nobody else has it.
        await UntilAsync(() => Task.FromResult(CanBind(settings.Geneve.Port)));
    }

    [Fact]
    public async Task Should_need_no_thread_of_the_pool_to_set_a_timer()
    {
        var settings = Settings();
        var loggers = new CapturedLoggers(_log);
        using var drain = new Drain();
        using var host = GatewayProcess.Build(settings, DataPlane.Bind(settings.ToDataPlane(), loggers), drain, new StopSignals(), loggers);
        await StartAsync(host);
        var scheduler = host.Services.GetRequiredService<ActorSystem>().Scheduler;
        var free = new TaskCompletionSource();
        for (var i = 0; i < 1000; i++)
            ThreadPool.QueueUserWorkItem(static free => free.Task.Wait(), free, preferLocal: false);

        var first = new Thread(() => scheduler.Advanced.ScheduleOnce(TimeSpan.FromHours(1), static () => { }));
        first.Start();
        var wasSet = first.Join(Wait.Patience);
        free.SetResult();

        Assert.True(wasSet);
        await host.StopAsync();
    }

    [Fact]
    public async Task Should_fail_health_and_go_on_with_traffic_until_the_drain_is_cut_short()
    {
        var settings = Settings(("GWLBTUN_SHUTDOWN_DRAIN", "1h"));
        var loggers = new CapturedLoggers(_log);
        using var drain = new Drain();
        using var host = GatewayProcess.Build(settings, DataPlane.Bind(settings.ToDataPlane(), loggers), drain, new StopSignals(), loggers);
        await StartAsync(host);
        var gateway = host.Services.GetRequiredService<IRequiredActor<GatewaySupervisor>>().ActorRef;

        var stopping = host.StopAsync();

        await _log.Contains("Health answers 503");
        Send();
        await _log.Contains("created");
        Assert.False((await gateway.Ask<GatewayReport>(GetReport.Instance, Wait.Patience)).Healthy);
        drain.CutShort();
        await stopping.WaitAsync(Wait.Patience);
        await _log.Contains("destroyed: the handler stops");
    }

    [Fact]
    public void Should_say_why_when_the_port_cannot_be_bound()
    {
        var settings = Settings();
        using var holder = new UdpClient(new IPEndPoint(settings.Geneve.Bind, settings.Geneve.Port));

        var thrown = Assert.Throws<LinuxException>(() => DataPlane.Bind(settings.ToDataPlane(), new CapturedLoggers(_log)));

        Assert.Contains($"127.0.0.1:{settings.Geneve.Port}", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_end_the_process_with_a_failure_when_the_gateway_fails_as_a_whole()
    {
        var settings = Settings();
        var loggers = new CapturedLoggers(_log);
        using var drain = new Drain();
        using var host = GatewayProcess.Build(settings, DataPlane.Bind(settings.ToDataPlane(), loggers), drain, new StopSignals(), loggers);
        await StartAsync(host);
        var stopped = new TaskCompletionSource();
        host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(stopped.SetResult);
        try
        {
            host.Services.GetRequiredService<IRequiredActor<GatewaySupervisor>>().ActorRef.Tell(Kill.Instance);

            await stopped.Task.WaitAsync(Wait.Patience);

            Assert.Equal(1, Environment.ExitCode);
            await host.StopAsync().WaitAsync(Wait.Patience);
        }
        finally
        {
            Environment.ExitCode = 0;
        }
    }

    private static async Task StartAsync(IHost host)
    {
        await host.StartAsync();
        await host.Services.GetRequiredService<GatewayStarter>().StartAsync();
    }

    private static bool CanBind(ushort port)
    {
        try
        {
            using var socket = new UdpClient(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
