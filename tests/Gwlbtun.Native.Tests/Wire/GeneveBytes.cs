using System.Buffers.Binary;

namespace Gwlbtun.Native.Tests.Wire;

/// <summary>Builds Geneve headers option by option, right or wrong, straight from RFC 8926.</summary>
internal sealed class GeneveBytes
{
    private readonly List<byte> _options = [];

    public byte Version { get; init; }
    public byte Flags { get; init; }
    public ushort ProtocolType { get; init; } = 0x0800;
    public uint Vni { get; init; }

    /// <summary>The options' length that the header states, in bytes; what was added unless set.</summary>
    public int? StatedOptionsLength { get; init; }

    public static GeneveBytes Standard(ulong eniId = 0x0b8ee1d4db0c51c0, ulong attachmentId = 0, uint flowCookie = 0x11223344) =>
        new GeneveBytes().EniId(eniId).AttachmentId(attachmentId).FlowCookie(flowCookie);

    public GeneveBytes Option(ushort optionClass, byte type, ReadOnlySpan<byte> value, int? statedLength = null)
    {
        Span<byte> header = stackalloc byte[4];
        BinaryPrimitives.WriteUInt16BigEndian(header, optionClass);
        header[2] = type;
        header[3] = (byte)((statedLength ?? value.Length) / 4);
        _options.AddRange(header);
        _options.AddRange(value);
        return this;
    }

    public GeneveBytes EniId(ulong value) => Option(0x0108, 1, BigEndian(value));

    public GeneveBytes AttachmentId(ulong value) => Option(0x0108, 2, BigEndian(value));

    public GeneveBytes FlowCookie(uint value) => Option(0x0108, 3, BigEndian(value).AsSpan(4));

    public byte[] Build(ReadOnlySpan<byte> inner = default)
    {
        byte[] bytes = new byte[8 + _options.Count + inner.Length];
        bytes[0] = (byte)(Version << 6 | (StatedOptionsLength ?? _options.Count) / 4);
        bytes[1] = Flags;
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), ProtocolType);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), Vni << 8);
        _options.CopyTo(bytes, 8);
        inner.CopyTo(bytes.AsSpan(8 + _options.Count));
        return bytes;
    }

    private static byte[] BigEndian(ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }
}
