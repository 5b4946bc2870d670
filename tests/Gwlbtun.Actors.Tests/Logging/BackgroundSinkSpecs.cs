using Gwlbtun.Actors.Logging;
using Gwlbtun.Shared;
using Serilog;
using Serilog.Core;
using Xunit;

namespace Gwlbtun.Actors.Tests.Logging;

public class BackgroundSinkSpecs
{
    [Fact]
    public void Should_write_everything_in_order_before_it_is_gone()
    {
        var written = new CollectingSink();
        using (Logger logger = Logger(new BackgroundSink(written, patienceAtTheEnd: Wait.Patience)))
        {
            for (int i = 0; i < 1000; i++)
                logger.Warning("{Number}", i);
        }

        Assert.Equal(Enumerable.Range(0, 1000).Select(i => $"important [core] {i}"), written.Lines);
    }

    [Fact]
    public void Should_drop_and_count_rather_than_wait_for_a_reader_that_has_stalled()
    {
        using var stalled = new ManualResetEventSlim();
        using var reading = new ManualResetEventSlim();
        var written = new CollectingSink
        {
            BeforeEach = () =>
            {
                reading.Set();
                stalled.Wait(Wait.Patience);
            },
        };
        using (Logger logger = Logger(new BackgroundSink(written, capacity: 10, patienceAtTheEnd: Wait.Patience)))
        {
            logger.Warning("first");
            Assert.True(reading.Wait(Wait.Patience));
            for (int i = 0; i < 15; i++)
                logger.Warning("{Number}", i);
            stalled.Set();
        }

        Assert.Equal(
            ["important [core] first", "important [core] 5 log messages were dropped: standard output is too slow.", .. Enumerable.Range(0, 10).Select(i => $"important [core] {i}")],
            written.Lines);
    }

    [Fact]
    public void Should_go_on_when_a_line_cannot_be_written()
    {
        int attempts = 0;
        var written = new CollectingSink
        {
            BeforeEach = () =>
            {
                if (++attempts == 1)
                    throw new IOException("Broken pipe");
            },
        };
        using (Logger logger = Logger(new BackgroundSink(written, patienceAtTheEnd: Wait.Patience)))
        {
            logger.Warning("lost");
            logger.Warning("written");
        }

        Assert.Equal(["important [core] written"], written.Lines);
    }

    [Fact]
    public void Should_ignore_what_comes_after_the_end()
    {
        var sink = new BackgroundSink(new CollectingSink());
        Logger logger = Logger(sink);
        sink.Dispose();

        logger.Warning("too late");
    }

    private static Logger Logger(ILogEventSink sink) => new LoggerConfiguration().WriteTo.Sink(sink).CreateLogger();
}
