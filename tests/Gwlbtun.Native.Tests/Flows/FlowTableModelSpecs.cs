using CsCheck;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

public class FlowTableModelSpecs
{
    private const int IdleSeconds = 3;

    private enum Act
    {
        Learn,
        Find,
        Wait,
        Sweep,
    }

    private static readonly Gen<Step> _step = Gen.Select(
        Gen.Frequency((10, Gen.Const(Act.Learn)), (10, Gen.Const(Act.Find)), (2, Gen.Const(Act.Wait)), (1, Gen.Const(Act.Sweep))),
        Gen.UInt[0, 60],
        Gen.Bool,
        Gen.Int[0, 8],
        Gen.UInt[0, 3],
        (act, flow, reversed, shape, cookie) => new Step(act, flow, reversed, shape, cookie));

    [Fact]
    public void Should_do_what_a_dictionary_does() =>
        _step.Array[0, 400].Sample(
            steps => Run(steps, new FlowTableOptions
            {
                TcpIdle = TimeSpan.FromSeconds(IdleSeconds),
                UdpIdle = TimeSpan.FromSeconds(IdleSeconds),
                OtherIdle = TimeSpan.FromSeconds(IdleSeconds),
            }),
            iter: 400);

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(25)]
    public void Should_forget_as_many_flows_as_it_says_and_no_answer_be_wrong_when_it_is_full(int maxFlows) =>
        _step.Array[0, 400].Sample(
            steps => Run(steps, new FlowTableOptions
            {
                MaxFlows = maxFlows,
                TcpIdle = TimeSpan.FromSeconds(IdleSeconds),
                UdpIdle = TimeSpan.FromSeconds(IdleSeconds),
                OtherIdle = TimeSpan.FromSeconds(IdleSeconds),
            }),
            iter: 150);

    private static void Run(Step[] steps, FlowTableOptions options)
    {
        using var table = new FlowTable(options);
        var model = new Dictionary<uint, Known>();
        long now = 0;
        long expired = 0;
        foreach (Step step in steps)
        {
            FlowKey key = SampleFlow.Mixed(step.Flow, step.Reversed);
            switch (step.Act)
            {
                case Act.Learn:
                    SampleHeader header = SampleHeader.Shaped(step.Shape, step.Cookie, step.Flow, (ushort)(step.Flow + 1_000));
                    ForgetEvicted(table, model, step.Flow);
                    LearnResult result = header.LearnInto(table, key, now);
                    Assert.Equal(new LearnResult(DropReason.None, !model.ContainsKey(step.Flow)), result);
                    if (!model.TryGetValue(step.Flow, out Known? known))
                        model[step.Flow] = known = new Known();
                    known.Learn(key.Direction, header, now);
                    break;
                case Act.Find:
                    ForgetEvicted(table, model, step.Flow);
                    if (model.TryGetValue(step.Flow, out known))
                    {
                        Assert.True(known.Answer(key.Direction).IsAnswerOf(table, key, now));
                        known.LastUsed = now;
                    }
                    else
                    {
                        Assert.False(SampleFlow.IsKnown(table, key, now));
                    }

                    break;
                case Act.Wait:
                    now += 1_000;
                    break;
                case Act.Sweep:
                    expired += SampleFlow.SweepAll(table, now);
                    foreach (uint flow in model.Keys.ToArray())
                        ForgetEvicted(table, model, flow, now - (IdleSeconds * 1_000));
                    foreach (uint flow in model.Where(entry => now - entry.Value.LastUsed > IdleSeconds * 1_000).Select(entry => entry.Key).ToArray())
                    {
                        Assert.False(SampleFlow.IsKnown(table, SampleFlow.Mixed(flow), now));
                        model.Remove(flow);
                    }

                    break;
            }

            Assert.InRange(SampleFlow.CountAll(table), 0, options.MaxFlows);
        }

        foreach (uint flow in model.Keys.ToArray())
            ForgetEvicted(table, model, flow);
        Assert.Equal(model.Count, SampleFlow.CountAll(table));
        Assert.Equal(model.Values.SelectMany(known => known.Shapes).Distinct().Count(), table.HeaderShapes);
    }

    // Which flows give way depends on where the hash puts them: only a full table may have lost one, and then as many as it counted.
    private static void ForgetEvicted(FlowTable table, Dictionary<uint, Known> model, uint flow, long nowMs = 0)
    {
        if (table.Evicted == 0 || !model.TryGetValue(flow, out Known? known) || known.LastUsed < nowMs)
            return;
        // Asking with a time long past does not count as use.
        if (!SampleFlow.IsKnown(table, SampleFlow.Mixed(flow), nowMs: -1_000_000))
            model.Remove(flow);
    }

    private sealed record Step(Act Act, uint Flow, bool Reversed, int Shape, uint Cookie);

    private sealed class Known
    {
        private readonly SampleHeader?[] _slots = new SampleHeader?[2];

        public long LastUsed { get; set; }

        public IEnumerable<(string Bytes, uint Address)> Shapes => _slots.OfType<SampleHeader>().Select(header =>
        {
            byte[] shared = [.. header.Bytes];
            shared.AsSpan(header.Parsed.FlowCookieOffset, 4).Clear();
            shared.AsSpan(header.Parsed.AttachmentIdOffset, 8).Clear();
            return (Convert.ToHexString(shared), header.Path.LoadBalancerAddress);
        });

        public void Learn(int direction, SampleHeader header, long now)
        {
            if (_slots[direction] is { } before && before.Parsed.FlowCookie != header.Parsed.FlowCookie)
                _slots[1 - direction] = null;
            _slots[direction] = header;
            LastUsed = now;
        }

        public SampleHeader Answer(int direction) => _slots[direction] ?? _slots[1 - direction]!;
    }
}
