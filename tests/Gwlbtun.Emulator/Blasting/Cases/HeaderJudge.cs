namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>Judges whether a returned packet has a header that it may have.</summary>
internal sealed class HeaderJudge(CasePlan plan, CaseFlows flows, CaseCounts counts)
{
    /// <param name="place">The header's place in the ledger.</param>
    /// <param name="unit">The packet.</param>
    public bool Allows(int place, in CaseUnit unit)
    {
        ref IssuedHeader header = ref flows.Headers[place];
        bool isAllowed = unit.Kind switch
        {
            UnitKind.ErrorIn => IsFor(header, unit, FlowPart.Errors),
            UnitKind.ErrorOriginated => IsForAnswerTo(header, unit),
            UnitKind.LaterFragment when unit.IsAsSent => IsFor(header, unit, FlowPart.LaterFragments),
            // A first fragment and a whole packet are found by their ports. Where the appliance put the datagram together, and cut it anew or
            // not, each piece may have either of the datagram's headers.
            UnitKind.LaterFragment or UnitKind.FirstFragment or UnitKind.Whole when unit.WasFragmented && !unit.IsAsSent =>
                IsFor(header, unit, FlowPart.Whole) || IsFor(header, unit, FlowPart.LaterFragments),
            // The appliance itself cut a whole packet: all fragments are of its one flow.
            _ => IsFor(header, unit, FlowPart.Whole),
        };
        if (!isAllowed)
            CountFault(header, unit);
        return isAllowed;
    }

    // The header of this part of the stream, valid when the packet was sent or later.
    private bool IsFor(in IssuedHeader header, in CaseUnit unit, FlowPart part)
    {
        if (header.EndedBy <= unit.Number)
            return false;
        if (header.Slot == flows.SlotOf(unit.Stream, part))
            return true;
        // A change of cookies while the packet was on its way ends both directions' headers; the opposite direction's new one may be there first.
        return part == FlowPart.Whole && header.StartedBy > unit.Number && plan.TryGetOpposite(unit.Stream, out int opposite) && header.Slot == flows.SlotOf(opposite, part);
    }

    // An error goes the way opposite to that of the packet that it quotes, and has the header of that direction where there is one.
    private bool IsForAnswerTo(in IssuedHeader header, in CaseUnit unit)
    {
        if (!plan.TryGetOpposite(unit.Stream, out int opposite))
            return IsFor(header, unit, FlowPart.Whole);
        int slot = flows.SlotOf(opposite, FlowPart.Whole), own = flows.SlotOf(unit.Stream, FlowPart.Whole);
        if (header.Slot == own)
            return header.EndedBy > unit.Number && !flows.Headers.WasKnown(slot, unit.Number);
        return header.Slot == slot && (header.EndedBy > unit.Number || !CouldKnowItEnded(header, own, slot, unit.Number));
    }

    // The appliance knows that the opposite direction's header has ended when that direction has another one, or when this direction gets another
    // one than it had beside it. If nothing was sent in this direction then, nothing tells.
    private bool CouldKnowItEnded(in IssuedHeader header, int own, int opposite, long number) =>
        flows.Headers.WasKnown(opposite, number) || flows.Headers.HadAnotherSince(own, header.StartedBy);

    private void CountFault(in IssuedHeader header, in CaseUnit unit)
    {
        int stream = flows.StreamOf(header.Slot);
        if (plan.ConversationOf(stream) != plan.ConversationOf(unit.Stream))
            counts.OtherFlowsHeader++;
        else if (header.EndedBy <= unit.Number)
            counts.StaleHeader++;
        else if (stream != unit.Stream || unit.Kind == UnitKind.ErrorOriginated)
            counts.OtherDirectionsHeader++;
        else
            counts.OtherFragmentsHeader++;
    }
}
