using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

[Collection(UndisturbedCollection.Name)]
public sealed class HeldMemorySpecs
{
    private const ulong Eni = 0x0b8ee1d4db0c51c0;

    [Fact]
    public void Should_give_the_memory_of_held_packets_back_when_they_are_gone() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        var burst = Enumerable.Range(0, 64).Select(i => ForwardingLab.Datagram(Eni, 1, size: 1400)).ToArray();
        lab.Send(burst);
        var gate = lab.TakeNewEni();
        void HoldAndDiscard()
        {
            gate.Hold();
            for (var i = 0; i < 128; i++)
                lab.Send(burst);
            Assert.True(SpinWait.SpinUntil(() => gate.HeldPackets >= 8000, Wait.Patience), $"{gate.HeldPackets} held");
            gate.Refuse(DropReason.EniRetired);
        }

        HoldAndDiscard();
        var before = Environment.WorkingSet;
        for (var i = 0; i < 10; i++)
            HoldAndDiscard();

        Assert.InRange(Environment.WorkingSet - before, long.MinValue, 32 << 20);
        Assert.Equal(0, lab.Registry.HeldBytes);
    });
}
