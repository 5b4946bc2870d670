namespace Gwlbtun.Emulator.Blasting;

/// <summary>
/// Says for every packet number which flow's it is. So many flows are alive at a time, and take turns. With a lifetime each ends after as
/// many of its turns, and the next one begins in its place; they end one after the other, not all at once.
/// </summary>
/// <param name="alive">Flows alive at a time.</param>
/// <param name="burst">Packets of one turn.</param>
/// <param name="lifetime">Turns that a flow lives; null is for ever.</param>
internal readonly struct FlowSchedule(int alive, int burst, int? lifetime)
{
    /// <summary>Flows are numbered from 0 to below this. With a lifetime the numbers begin anew then.</summary>
    public int Flows => lifetime is null ? alive : alive * Generations;

    // As many as there are addresses for.
    private int Generations => InnerAddresses.MaximumFlows / alive;

    public int FlowOf(long number) => lifetime is { } turns
        ? (int)(Round(number) / turns % Generations) * alive + Place(number)
        : Place(number);

    /// <summary>The packet's place within its flow, from 0 on.</summary>
    public uint SequenceOf(long number)
    {
        long turn = number / burst / alive;
        if (lifetime is { } turns)
            turn = Math.Min(turn, Round(number) % turns);
        return (uint)(turn * burst + number % burst);
    }

    /// <summary>Whether no packet of its flow comes after it.</summary>
    public bool IsLast(long number) => lifetime is { } turns && Round(number) % turns == turns - 1 && number % burst == burst - 1;

    private int Place(long number) => (int)(number / burst % alive);

    // Counted as if the first flow in a place had begun earlier the later its place is, so that ends are spread.
    private long Round(long number) => number / burst / alive + (long)Place(number) * lifetime.GetValueOrDefault() / alive;
}
