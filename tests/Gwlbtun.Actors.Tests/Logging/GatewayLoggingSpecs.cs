using Akka.Actor;
using Akka.Event;
using Akka.Hosting;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Logging;
using Gwlbtun.Actors.Tests.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;
using LogLevel = Microsoft.Extensions.Logging.LogLevel;

namespace Gwlbtun.Actors.Tests.Logging;

public partial class GatewayLoggingSpecs
{
    private readonly CollectingSink _sink = new();

    [Theory]
    [InlineData(SectionLevel.Critical, LogLevel.Error)]
    [InlineData(SectionLevel.Important, LogLevel.Warning)]
    [InlineData(SectionLevel.Info, LogLevel.Information)]
    [InlineData(SectionLevel.Debug, LogLevel.Debug)]
    [InlineData(SectionLevel.DebugDetail, LogLevel.Trace)]
    public void Should_let_through_what_is_at_least_at_the_level_of_its_section(SectionLevel section, LogLevel least)
    {
        using ServiceProvider services = Services(Decide.Settings("").Logging with { Tunnel = section });
        ILogger tunnel = Logger(services, LogSections.Tunnel);

        foreach (LogLevel level in Enum.GetValues<LogLevel>().Where(l => l != LogLevel.None))
        {
            Assert.Equal(level >= least, tunnel.IsEnabled(level));
            Assert.Equal(level >= LogLevel.Warning, Logger(services, LogSections.Udp).IsEnabled(level));
        }
    }

    [Theory]
    [InlineData("core", LogSections.Core)]
    [InlineData("core", "Akka.Actor.ActorSystem")]
    [InlineData("core", "Microsoft.Hosting.Lifetime")]
    [InlineData("udp", LogSections.Udp)]
    [InlineData("geneve", LogSections.Geneve)]
    [InlineData("tunnel", LogSections.Tunnel)]
    [InlineData("healthcheck", LogSections.Healthcheck)]
    [InlineData("healthcheck", "Microsoft.AspNetCore.Server.Kestrel")]
    [InlineData("os", LogSections.Os)]
    [InlineData("ebpf", LogSections.Ebpf)]
    public void Should_give_each_category_the_level_of_its_section(string section, string category)
    {
        using ServiceProvider raised = Services(Decide.Settings($"--logging {section}=debug").Logging);
        using ServiceProvider others = Services(Decide.Settings($"--logging all=debug,{section}=important").Logging);

        Assert.True(Logger(raised, category).IsEnabled(LogLevel.Debug));
        Assert.False(Logger(others, category).IsEnabled(LogLevel.Information));
    }

    [Fact]
    public void Should_write_source_generated_messages()
    {
        using ServiceProvider services = Services(Decide.Settings("").Logging);

        IsUp(Logger(services, LogSections.Tunnel), "gwi-X", "00b8ee1d4db0c51c0");

        Assert.Equal(["important [tunnel] gwi-X of 00b8ee1d4db0c51c0 is up"], _sink.Lines);
    }

    [Fact]
    public async Task Should_take_the_lines_of_actors_into_the_core_section()
    {
        GatewaySettings settings = Decide.Settings("--logging core=info");
        var builder = new HostApplicationBuilder();
        builder.Services.AddGatewayLogging(GatewayLogging.CreateLogger(settings.Logging, _sink));
        builder.Services.AddAkka("test", akka => akka
            .AddHocon(settings.Akka, HoconAddMode.Prepend)
            .ConfigureLoggers(l =>
            {
                l.ClearLoggers();
                l.AddLoggerFactory();
            }));
        using IHost host = builder.Build();
        await host.StartAsync();

        ActorSystem system = host.Services.GetRequiredService<ActorSystem>();
        system.Log.Info("an actor speaks");
        system.Log.Debug("an actor whispers");
        await host.StopAsync();

        Assert.Contains(_sink.Lines, l => l.StartsWith("info [core] ", StringComparison.Ordinal) && l.Contains("an actor speaks", StringComparison.Ordinal));
        Assert.DoesNotContain(_sink.Lines, l => l.Contains("whispers", StringComparison.Ordinal));
    }

    [LoggerMessage(LogLevel.Warning, "{Device} of {Eni} is up")]
    private static partial void IsUp(ILogger logger, string device, string eni);

    private ServiceProvider Services(LoggingSettings levels) =>
        new ServiceCollection().AddGatewayLogging(GatewayLogging.CreateLogger(levels, _sink)).BuildServiceProvider();

    private static ILogger Logger(IServiceProvider services, string category) =>
        services.GetRequiredService<ILoggerFactory>().CreateLogger(category);
}
