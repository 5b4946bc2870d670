using System.Buffers.Binary;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Benchmarks;

/// <summary>A batch of packets as a data thread has them: keys of flows in random order, made from their numbers so that they cost no cache.</summary>
internal sealed class FlowBatch(FlowFamily family, uint flows)
{
    public const int Size = 64;

    // Beyond the numbers of the flows that the tables are filled with.
    private const uint FirstNew = 1_000_000_000;

    private static readonly byte[] _header = new byte[GwlbGeneveHeader.StandardLength];
    private static readonly GwlbGeneveHeader _parsed = Parse();
    private static readonly OuterPath _path = new(0x0100000A, 0x0200000A, 40_000);

    private readonly byte[] _client = new byte[16];
    private readonly byte[] _server = new byte[16];
    private readonly byte[] _headerOut = new byte[GwlbGeneveHeader.MaximumLength];
    private readonly FlowKey[] _keys = new FlowKey[Size];
    private readonly FlowProbe[] _probes = new FlowProbe[Size];
    private uint _random = 2_463_534_242;
    private uint _newest = FirstNew;

    /// <summary>A table with all of the flows.</summary>
    public FlowTable Fill(FlowTableOptions options, bool isReserved)
    {
        var table = new FlowTable(options);
        if (isReserved)
            table.Reserve(family, flows);
        for (uint i = 0; i < flows; i++)
            Learn(table, Key(i));
        return table;
    }

    public void Learn(FlowTable table)
    {
        ChooseKnown();
        foreach (FlowKey key in _keys)
            Learn(table, key);
    }

    public void LearnPrefetched(FlowTable table)
    {
        ChooseKnown();
        Prefetch(table);
        foreach (FlowProbe probe in _probes)
            table.Learn(probe, _header, _parsed, _path, nowMs: 0);
    }

    /// <summary>Flows that were never there before.</summary>
    public void LearnNew(FlowTable table)
    {
        for (int i = 0; i < Size; i++)
            Learn(table, Key(_newest++));
    }

    public void Find(FlowTable table)
    {
        ChooseKnown();
        foreach (FlowKey key in _keys)
            table.Find(key, _headerOut, out _, nowMs: 0);
    }

    public void FindPrefetched(FlowTable table)
    {
        ChooseKnown();
        Prefetch(table);
        foreach (FlowProbe probe in _probes)
            table.Find(probe, _headerOut, out _, nowMs: 0);
    }

    /// <summary>What making the keys costs, which the others contain.</summary>
    public void ChooseKnown()
    {
        for (int i = 0; i < Size; i++)
        {
            _random ^= _random << 13;
            _random ^= _random >> 17;
            _random ^= _random << 5;
            _keys[i] = Key((uint)(((ulong)_random * flows) >> 32));
        }
    }

    private void Prefetch(FlowTable table)
    {
        for (int i = 0; i < Size; i++)
            _probes[i] = table.Prefetch(_keys[i]);
    }

    private static void Learn(FlowTable table, in FlowKey key) => table.Learn(key, _header, _parsed, _path, nowMs: 0);

    private FlowKey Key(uint number)
    {
        var port = (ushort)(1024 + (number & 0x7FFF));
        uint client = BinaryPrimitives.ReverseEndianness(number >> 15);
        if (family == FlowFamily.V4)
            return FlowKey.V4(0x0A + client, 0x000010AC, IpProtocol.Tcp, port, 443);
        BinaryPrimitives.WriteUInt32LittleEndian(_client.AsSpan(8), client);
        _client[0] = _server[0] = 0xFD;
        return FlowKey.V6(_client, _server, IpProtocol.Tcp, port, 443);
    }

    private static GwlbGeneveHeader Parse()
    {
        GeneveWriter.WriteGwlbHeader(_header, EtherType.Ipv4, eniId: 1, attachmentId: 2, flowCookie: 3);
        return GwlbGeneveHeader.TryParse(_header, out GwlbGeneveHeader parsed) == DropReason.None
            ? parsed
            : throw new InvalidOperationException("The header is not one that would be accepted.");
    }
}
