using System.Globalization;
using Gwlbtun.Actors.Logging;
using Serilog.Core;
using Serilog.Events;
using Serilog.Parsing;
using Xunit;

namespace Gwlbtun.Actors.Tests.Logging;

public class SectionFormatterSpecs
{
    private static readonly DateTimeOffset _time = new(2026, 11, 22, 21, 50, 1, 123, TimeSpan.Zero);

    [Theory]
    [InlineData(LogEventLevel.Fatal, "gwlbtun.tunnel", "critical [tunnel]")]
    [InlineData(LogEventLevel.Error, "gwlbtun.core", "critical [core]")]
    [InlineData(LogEventLevel.Warning, "gwlbtun.udp", "important [udp]")]
    [InlineData(LogEventLevel.Information, "gwlbtun.geneve", "info [geneve]")]
    [InlineData(LogEventLevel.Debug, "gwlbtun.healthcheck", "debug [healthcheck]")]
    [InlineData(LogEventLevel.Verbose, "gwlbtun.os", "debugdetail [os]")]
    [InlineData(LogEventLevel.Warning, "Akka.Actor.ActorSystem", "important [core]")]
    [InlineData(LogEventLevel.Warning, "Microsoft.Hosting.Lifetime", "important [core]")]
    [InlineData(LogEventLevel.Warning, "Microsoft.AspNetCore.Server.Kestrel", "important [healthcheck]")]
    [InlineData(LogEventLevel.Warning, null, "important [core]")]
    public void Should_write_time_level_section_and_message(LogEventLevel level, string? category, string expected) =>
        Assert.Equal($"2026-11-22 21:50:01.123 {expected} gwi-X is up\n", Format(level, category, "gwi-X is up"));

    [Fact]
    public void Should_give_every_line_its_own_head() => Assert.Equal(
        "2026-11-22 21:50:01.123 important [core] one\n2026-11-22 21:50:01.123 important [core] two\n",
        Format(LogEventLevel.Warning, null, "one\r\ntwo\n"));

    [Fact]
    public void Should_write_texts_without_quotation_marks_and_numbers_alike_everywhere()
    {
        MessageTemplate template = new MessageTemplateParser().Parse("{Device}: {Share}");
        var e = new LogEvent(_time, LogEventLevel.Warning, null, template, [new("Device", new ScalarValue("gwi-X")), new("Share", new ScalarValue(0.5))]);

        Assert.EndsWith("] gwi-X: 0.5\n", Format(e), StringComparison.Ordinal);
    }

    [Fact]
    public void Should_write_the_exception_below_the_message() => Assert.Equal(
        "2026-11-22 21:50:01.123 critical [core] failed\n2026-11-22 21:50:01.123 critical [core] System.InvalidOperationException: why\n",
        Format(new LogEvent(_time, LogEventLevel.Error, new InvalidOperationException("why"), new MessageTemplateParser().Parse("failed"), [])));

    private static string Format(LogEventLevel level, string? category, string message) => Format(new LogEvent(
        _time,
        level,
        exception: null,
        new MessageTemplateParser().Parse(message),
        category is null ? [] : [new LogEventProperty(Constants.SourceContextPropertyName, new ScalarValue(category))]));

    private static string Format(LogEvent logEvent)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        new SectionFormatter().Format(logEvent, output);
        return output.ToString();
    }
}
