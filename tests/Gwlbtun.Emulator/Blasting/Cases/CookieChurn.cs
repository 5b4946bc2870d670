namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>Says when a conversation gets new cookies: after so many of its datagrams, each conversation at another time.</summary>
internal sealed class CookieChurn
{
    // Longer than any packet should be on its way.
    private const long RestMs = 50;

    private readonly int _every;
    private readonly int[] _left;
    private readonly long[]? _restUntilMs;

    public CookieChurn(CasePlan plan, CaseOptions cases)
    {
        _every = cases.ChurnEvery!.Value;
        _left = [.. Enumerable.Range(0, plan.Conversations).Select(conversation => 1 + conversation % _every)];
        _restUntilMs = cases.RestsBeforeChange ? new long[plan.Conversations] : null;
    }

    /// <summary>Asks before each datagram of a conversation.</summary>
    /// <param name="conversation">Which.</param>
    /// <param name="mayChange">False for what goes back: a reply opens no flow.</param>
    /// <param name="nowMs">Milliseconds.</param>
    public CookieAge Next(int conversation, bool mayChange, long nowMs)
    {
        ref int left = ref _left[conversation];
        if (left > 0)
        {
            left--;
            return CookieAge.Good;
        }

        if (!mayChange)
            return CookieAge.Resting;
        if (_restUntilMs is not null)
        {
            ref long until = ref _restUntilMs[conversation];
            until = until == 0 ? nowMs + RestMs : until;
            if (nowMs < until)
                return CookieAge.Resting;
            until = 0;
        }

        left = _every - 1;
        return CookieAge.Over;
    }
}

/// <summary>What to do about a conversation's cookies.</summary>
internal enum CookieAge
{
    Good,

    /// <summary>Send nothing, so that nothing is on its way at the change.</summary>
    Resting,

    /// <summary>Change them now.</summary>
    Over,
}
