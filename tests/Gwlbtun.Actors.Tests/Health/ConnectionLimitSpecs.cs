using System.Net;
using Gwlbtun.Actors.Health;
using Xunit;

namespace Gwlbtun.Actors.Tests.Health;

public class ConnectionLimitSpecs
{
    private static readonly IPAddress _greedy = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress _checker = IPAddress.Parse("192.0.2.2");

    private readonly ConnectionLimit _limit = new(total: 3, perAddress: 2);

    [Fact]
    public void Should_let_others_in_when_one_address_has_all_it_may()
    {
        Assert.True(_limit.TryEnter(_greedy));
        Assert.True(_limit.TryEnter(_greedy));

        Assert.False(_limit.TryEnter(_greedy));
        Assert.True(_limit.TryEnter(_checker));
    }

    [Fact]
    public void Should_refuse_everybody_when_the_total_is_reached()
    {
        _limit.TryEnter(_greedy);
        _limit.TryEnter(_greedy);
        _limit.TryEnter(_checker);

        Assert.False(_limit.TryEnter(_checker));
    }

    [Fact]
    public void Should_let_in_again_when_somebody_left()
    {
        _limit.TryEnter(_greedy);
        _limit.TryEnter(_greedy);

        _limit.Leave(_greedy);

        Assert.True(_limit.TryEnter(_greedy));
        Assert.False(_limit.TryEnter(_greedy));
    }
}
