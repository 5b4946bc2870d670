using CsCheck;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

public class FlowTableModelSpecs
{
    private const int IdleSeconds = 5;
    private const int ClosingSeconds = 2;

    private enum Act
    {
        Learn,
        Find,
        FindExact,
        Wait,
        Sweep,
        Reserve,
    }

    private static readonly Gen<Step> _step = Gen.Select(
        Gen.Frequency(
            (10, Gen.Const(Act.Learn)), (10, Gen.Const(Act.Find)), (4, Gen.Const(Act.FindExact)), (2, Gen.Const(Act.Wait)), (1, Gen.Const(Act.Sweep)),
            (1, Gen.Const(Act.Reserve))),
        Gen.UInt[0, 60],
        Gen.Bool,
        Gen.Int[0, 8],
        Gen.UInt[0, 3],
        Gen.Frequency((5, Gen.Const(TcpSignal.None)), (1, Gen.Const(TcpSignal.Opens)), (4, Gen.Const(TcpSignal.Closes))),
        (act, flow, reversed, shape, cookie, signal) => new Step(act, flow, reversed, shape, cookie, signal));

    [Fact]
    public void Should_do_what_a_dictionary_does() =>
        _step.Array[0, 400].Sample(
            steps => Run(steps, new FlowTableOptions
            {
                TcpIdle = TimeSpan.FromSeconds(IdleSeconds),
                TcpClosing = TimeSpan.FromSeconds(ClosingSeconds),
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
                TcpClosing = TimeSpan.FromSeconds(ClosingSeconds),
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
            TcpSignal signal = key.Kind == FlowProtocol.Tcp ? step.Signal : TcpSignal.None;
            switch (step.Act)
            {
                case Act.Learn:
                    SampleHeader header = SampleHeader.Shaped(step.Shape, step.Cookie, step.Flow, (ushort)(step.Flow + 1_000));
                    ForgetEvicted(table, model, step.Flow);
                    LearnResult result = table.Learn(key, header.Bytes, header.Parsed, header.Path, now, signal);
                    Assert.Equal(new LearnResult(DropReason.None, !model.ContainsKey(step.Flow)), result);
                    if (!model.TryGetValue(step.Flow, out Known? known))
                        model[step.Flow] = known = new Known();
                    known.Learn(key.Direction, header, now, signal);
                    break;
                case Act.Find:
                case Act.FindExact:
                    ForgetEvicted(table, model, step.Flow);
                    SampleHeader? expected = null;
                    if (model.TryGetValue(step.Flow, out known))
                        expected = known.Answer(key.Direction, isExact: step.Act == Act.FindExact);
                    AssertAnswer(expected, table, key, step.Act, now, signal);
                    if (expected is not null)
                        known!.Use(key.Direction, now, signal);
                    break;
                case Act.Reserve:
                    Assert.True(table.Reserve(key.Family, step.Flow * 30));
                    break;
                case Act.Wait:
                    now += 1_000;
                    break;
                case Act.Sweep:
                    expired += SampleFlow.SweepAll(table, now);
                    foreach (uint flow in model.Keys.ToArray())
                        ForgetEvicted(table, model, flow, now);
                    foreach (uint flow in model.Where(entry => entry.Value.IsIdle(now)).Select(entry => entry.Key).ToArray())
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
        if (table.Evicted == 0 || !model.TryGetValue(flow, out Known? known) || known.IsIdle(nowMs))
            return;
        // Asking with a time long past does not count as use.
        if (!SampleFlow.IsKnown(table, SampleFlow.Mixed(flow), nowMs: -1_000_000))
            model.Remove(flow);
    }

    private static void AssertAnswer(SampleHeader? expected, FlowTable table, in FlowKey key, Act act, long now, TcpSignal signal)
    {
        Span<byte> answer = stackalloc byte[GwlbGeneveHeader.MaximumLength];
        int length = act == Act.FindExact
            ? table.FindExact(table.Prefetch(key), answer, out OuterPath path, now, signal)
            : table.Find(key, answer, out path, now, signal);
        Assert.True(answer[..length].SequenceEqual(expected?.Bytes));
        Assert.Equal(expected?.Path ?? default, path);
    }

    private sealed record Step(Act Act, uint Flow, bool Reversed, int Shape, uint Cookie, TcpSignal Signal);

    private sealed class Known
    {
        private readonly SampleHeader?[] _slots = new SampleHeader?[2];
        private readonly bool[] _closed = new bool[2];
        private long _lastUsed;

        public IEnumerable<(string Bytes, uint Address)> Shapes => _slots.OfType<SampleHeader>().Select(header =>
        {
            byte[] shared = [.. header.Bytes];
            shared.AsSpan(header.Parsed.FlowCookieOffset, 4).Clear();
            shared.AsSpan(header.Parsed.AttachmentIdOffset, 8).Clear();
            return (Convert.ToHexString(shared), header.Path.LoadBalancerAddress);
        });

        public bool IsIdle(long now) => now - _lastUsed > (_closed[0] && _closed[1] ? ClosingSeconds : IdleSeconds) * 1_000;

        public void Learn(int direction, SampleHeader header, long now, TcpSignal signal)
        {
            if (_slots[direction] is { } before && before.Parsed.FlowCookie != header.Parsed.FlowCookie)
            {
                _slots[1 - direction] = null;
                Array.Clear(_closed);
            }

            _slots[direction] = header;
            Use(direction, now, signal);
        }

        public void Use(int direction, long now, TcpSignal signal)
        {
            _lastUsed = now;
            if (signal == TcpSignal.Opens)
                Array.Clear(_closed);
            else if (signal == TcpSignal.Closes)
                _closed[direction] = true;
        }

        public SampleHeader? Answer(int direction, bool isExact) => _slots[direction] ?? (isExact ? null : _slots[1 - direction]);
    }
}
