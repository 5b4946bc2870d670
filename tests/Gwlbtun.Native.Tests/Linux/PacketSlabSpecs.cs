using CsCheck;
using Gwlbtun.Native.Linux;
using Xunit;

namespace Gwlbtun.Native.Tests.Linux;

/// <summary>Where the packets of a batch lie.</summary>
public sealed unsafe class PacketSlabSpecs
{
    private const int Bytes = 1 << 20;

    [Fact]
    public void Should_leave_room_in_front_of_each_packet_and_for_the_largest_behind_the_last()
    {
        Gen.Int[0, PacketSlab.PacketBytes].Select(Gen.Int[0, 300], Gen.Bool, (large, small, isLarge) => isLarge ? large : small).Array[300].Sample(lengths =>
        {
            using PacketSlab slab = new(capacity: 256, Bytes);
            byte* begin = slab.Next - PacketSlab.Headroom;
            byte* end = begin;
            foreach (int length in lengths)
            {
                if (slab.IsFull)
                    break;
                Assert.True(slab.Next - PacketSlab.Headroom >= end);
                Assert.True(slab.Next + PacketSlab.PacketBytes <= begin + Bytes);
                end = slab.Next + length;
                slab.Take(length);
            }

            Assert.True(slab.IsFull);
        }, iter: 200);
    }

    [Fact]
    public void Should_take_so_many_of_the_largest_when_no_bytes_are_said()
    {
        using PacketSlab slab = new(capacity: 3);
        for (int n = 0; n < 3; n++)
        {
            Assert.False(slab.IsFull);
            new Span<byte>(slab.Next, PacketSlab.PacketBytes).Fill(1);
            slab.Take(PacketSlab.PacketBytes);
        }

        Assert.True(slab.IsFull);
        slab.Clear();
        Assert.False(slab.IsFull);
        Assert.Equal(0, slab.Count);
    }
}
