using Gwlbtun.Emulator.Judging;

namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>What a turn of a stream is.</summary>
internal enum CaseKind
{
    Data,

    /// <summary>An ICMP error about the stream that comes in through the load balancer.</summary>
    ErrorIn,

    /// <summary>A packet with hop limit 1.</summary>
    Expiring,
}

/// <summary>
/// Which stream a number belongs to, and what is sent under it. A stream is one direction of a conversation: those from source to
/// destination come first, then, in asymmetric traffic, as many back.
/// </summary>
internal sealed class CasePlan(BlastOptions options, CaseOptions cases)
{
    // Of 8 in a row, these places are not data.
    private const int ErrorPlace = 5;
    private const int ExpiringPlace = 7;

    public int Conversations => options.Flows;

    public int Streams { get; } = options.Flows * (cases.Asymmetric ? 2 : 1);

    public int StreamOf(long number) => (int)(number / options.Burst % Streams);

    /// <summary>The number's place within its stream, from 0 on.</summary>
    public long SequenceOf(long number) => number / options.Burst / Streams * options.Burst + number % options.Burst;

    public long NumberOf(int stream, long sequence) => (sequence / options.Burst * Streams + stream) * options.Burst + sequence % options.Burst;

    public CaseKind KindOf(long number) => (SequenceOf(number) & 7) switch
    {
        ErrorPlace when (cases.Errors & ErrorKinds.In) != 0 => CaseKind.ErrorIn,
        ExpiringPlace when (cases.Errors & ErrorKinds.Originated) != 0 => CaseKind.Expiring,
        _ => CaseKind.Data,
    };

    public int ConversationOf(int stream) => stream < options.Flows ? stream : stream - options.Flows;

    /// <summary>Whether it goes from destination to source.</summary>
    public bool IsBackward(int stream) => stream >= options.Flows;

    /// <summary>The other direction's stream.</summary>
    /// <returns>False when nothing is sent in it.</returns>
    public bool TryGetOpposite(int stream, out int opposite)
    {
        opposite = stream < options.Flows ? stream + options.Flows : stream - options.Flows;
        return cases.Asymmetric;
    }

    public bool IsIpv6(int stream) => options.Ip switch { BlastIp.V4 => false, BlastIp.V6 => true, _ => (ConversationOf(stream) / 3 & 1) != 0 };

    public BlastProtocol ProtocolOf(int stream) => options.Protocol == BlastProtocol.Mix ? (BlastProtocol)(ConversationOf(stream) % 3) : options.Protocol;

    /// <summary>Finds the stream that a packet is sent in.</summary>
    public bool TryFindStream(ReadOnlySpan<byte> packet, in InnerView inner, out int stream)
    {
        Split(packet, inner, out ReadOnlySpan<byte> source, out ReadOnlySpan<byte> destination);
        if (InnerAddresses.TryRead(source, FlowRole.Source, out stream) && InnerAddresses.Is(destination, FlowRole.Destination, stream))
            return IsConversation(stream, inner);
        if (!cases.Asymmetric || !InnerAddresses.TryRead(destination, FlowRole.Source, out stream) || !InnerAddresses.Is(source, FlowRole.Destination, stream) || !IsConversation(stream, inner))
            return false;
        stream += options.Flows;
        return true;
    }

    /// <summary>Finds the stream that a packet answers.</summary>
    public bool TryFindAnswered(ReadOnlySpan<byte> packet, in InnerView inner, out int stream)
    {
        Split(packet, inner, out ReadOnlySpan<byte> source, out ReadOnlySpan<byte> destination);
        return InnerAddresses.TryRead(destination, FlowRole.Source, out stream) && InnerAddresses.Is(source, FlowRole.Destination, stream) && IsConversation(stream, inner);
    }

    /// <summary>Finds the stream that an ICMP error, sent by the load balancer, is about.</summary>
    public bool TryFindErrorIn(ReadOnlySpan<byte> packet, in InnerView inner, out int stream)
    {
        stream = 0;
        if ((cases.Errors & ErrorKinds.In) == 0)
            return false;
        Split(packet, inner, out ReadOnlySpan<byte> source, out ReadOnlySpan<byte> destination);
        if (!InnerAddresses.TryRead(source, FlowRole.Router, out stream) || !IsConversation(stream, inner))
            return false;
        if (InnerAddresses.Is(destination, FlowRole.Source, stream))
            return true;
        bool isBackward = cases.Asymmetric && InnerAddresses.Is(destination, FlowRole.Destination, stream);
        stream += options.Flows;
        return isBackward;
    }

    private bool IsConversation(int conversation, in InnerView inner) => (uint)conversation < (uint)options.Flows && IsIpv6(conversation) == (inner.Version == 6);

    private static void Split(ReadOnlySpan<byte> packet, in InnerView inner, out ReadOnlySpan<byte> source, out ReadOnlySpan<byte> destination)
    {
        ReadOnlySpan<byte> addresses = inner.Addresses(packet);
        source = addresses[..(addresses.Length / 2)];
        destination = addresses[(addresses.Length / 2)..];
    }
}
