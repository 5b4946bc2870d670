using System.Collections.Concurrent;
using CsCheck;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

/// <summary>
/// Operations at once, of several threads: what they answered, and what the table then holds, must be what some order of them, one after
/// another, gives. That one after another they do what a dictionary does is said by <see cref="FlowTableModelSpecs"/>.
/// </summary>
public class FlowTableParallelSpecs
{
    // Idle from the beginning; only sweeps and look-ups that do not count as use touch it. Of several such flows a sweep would take
    // one after another, which no order of whole sweeps explains.
    private const uint IdleFlow = 1_000;

    private const uint Flows = 6;
    private const long Now = 1_000_000;

    private enum Act
    {
        Learn,
        LearnPrefetched,
        Find,
        FindExact,
        FindPrefetched,
        FindIdle,
        Sweep,
        Reserve,
    }

    private static readonly Gen<Step> _step = Gen.Select(
        Gen.Frequency(
            (6, Gen.Const(Act.Learn)), (3, Gen.Const(Act.LearnPrefetched)), (4, Gen.Const(Act.Find)), (3, Gen.Const(Act.FindExact)),
            (3, Gen.Const(Act.FindPrefetched)), (2, Gen.Const(Act.FindIdle)), (1, Gen.Const(Act.Sweep)), (1, Gen.Const(Act.Reserve))),
        Gen.UInt[0, Flows - 1],
        Gen.Bool,
        Gen.UInt[0, 2],
        Gen.Int[0, int.MaxValue],
        (act, flow, reversed, cookie, id) => new Step(act, flow, reversed, cookie, id));

    [Fact]
    public void Should_answer_many_threads_as_if_they_came_one_after_another() =>
        Gen.Const(() => new Subject()).SampleParallel(
            _step.Operation<Subject>((subject, step) => subject.Do(step)),
            equal: (left, right) => left.Observed.SequenceEqual(right.Observed),
            iter: 400);

    /// <summary>The number makes what the step has seen its own.</summary>
    private sealed record Step(Act Act, uint Flow, bool Reversed, uint Cookie, int Number);

    private sealed class Subject : IDisposable
    {
        private const int AboutBytes = 300_000;

        private readonly FlowTable _table = new(new FlowTableOptions { TcpClosing = TimeSpan.FromSeconds(1) });
        private readonly ConcurrentDictionary<int, string> _seen = new();
        private readonly Lock _sweeping = new();

        public Subject()
        {
            GC.AddMemoryPressure(AboutBytes);
            SampleHeader.Standard(7).LearnInto(_table, SampleFlow.Mixed(IdleFlow), nowMs: 0);
        }

        // They are made by the library, as many as it has orders to try.
        ~Subject() => Free();

        public void Dispose()
        {
            Free();
            GC.SuppressFinalize(this);
        }

        public IEnumerable<string> Observed =>
        [
            .. _seen.OrderBy(seen => seen.Key).Select(seen => $"{seen.Key}: {seen.Value}"),
            .. Enumerable.Range(0, (int)Flows).SelectMany(flow => new[] { Exact((uint)flow, false), Exact((uint)flow, true) }),
            Exact(IdleFlow, false),
            $"{SampleFlow.CountAll(_table)} flows, {_table.HeaderShapes} shapes",
        ];

        public void Do(Step step) => _seen[step.Number] = Result(step);

        private void Free()
        {
            _table.Dispose();
            GC.RemoveMemoryPressure(AboutBytes);
        }

        private string Result(Step step)
        {
            FlowKey key = SampleFlow.Mixed(step.Flow, step.Reversed);
            SampleHeader header = SampleHeader.Shaped((int)step.Cookie, step.Cookie, step.Flow);
            byte[] answer = new byte[GwlbGeneveHeader.MaximumLength];
            switch (step.Act)
            {
                case Act.Learn:
                    return header.LearnInto(_table, key, Now).ToString();
                case Act.LearnPrefetched:
                    return _table.Learn(_table.Prefetch(key), header.Bytes, header.Parsed, header.Path, Now, TcpSignal.Closes).ToString();
                case Act.Find:
                    return Answer(answer, _table.Find(key, answer, out OuterPath path, Now), path);
                case Act.FindExact:
                    return Answer(answer, _table.FindExact(key, answer, out path, Now), path);
                case Act.FindPrefetched:
                    return Answer(answer, _table.Find(_table.Prefetch(key).Reversed(), answer, out path, Now, TcpSignal.Opens), path);
                case Act.FindIdle:
                    return SampleFlow.IsKnown(_table, SampleFlow.Mixed(IdleFlow), nowMs: 0).ToString();
                case Act.Sweep:
                    lock (_sweeping)
                        return Sweep();
                default:
                    return _table.Reserve(key.Family, 1_000 * step.Cookie).ToString();
            }
        }

        // Once more, since what moves behind the sweeper, when buckets come, waits for the next round.
        private string Sweep() => (SampleFlow.SweepAll(_table, Now) + SampleFlow.SweepAll(_table, Now) + SampleFlow.SweepAll(_table, Now)).ToString();

        private string Exact(uint flow, bool reversed)
        {
            byte[] answer = new byte[GwlbGeneveHeader.MaximumLength];
            int length = _table.FindExact(SampleFlow.Mixed(flow, reversed), answer, out OuterPath path, nowMs: 0);
            return Answer(answer, length, path);
        }

        private static string Answer(byte[] answer, int length, OuterPath path) =>
            $"{Convert.ToHexString(answer, 0, length)} by {path.LoadBalancerAddress:x}:{path.SourcePort}";
    }
}
