using System.Runtime.InteropServices;
using Gwlbtun.Actors.Gateway;
using Xunit;

namespace Gwlbtun.Actors.Tests.Gateway;

public class StopSignalsSpecs
{
    private readonly StopSignals _signals = new();
    private readonly List<PosixSignal> _told = [];

    [Fact]
    public void Should_keep_a_signal_for_whoever_can_act_on_it()
    {
        var early = Signal();

        _signals.Attach(_told.Add);

        Assert.True(early.Cancel);
        Assert.Equal([PosixSignal.SIGTERM], _told);
    }

    [Fact]
    public void Should_let_a_second_one_end_the_process_while_there_is_nothing_to_stop()
    {
        Signal();

        Assert.False(Signal().Cancel);
    }

    [Fact]
    public void Should_tell_of_every_one_and_never_end_the_process_when_there_is_something_to_stop()
    {
        _signals.Attach(_told.Add);

        Assert.All([Signal(), Signal(), Signal()], signal => Assert.True(signal.Cancel));
        Assert.Equal(3, _told.Count);
    }

    private PosixSignalContext Signal()
    {
        var context = new PosixSignalContext(PosixSignal.SIGTERM);
        _signals.OnSignal(context);
        return context;
    }
}
