namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>Says when a conversation gets new cookies: after so many of its datagrams, each conversation at another time.</summary>
internal sealed class CookieChurn
{
    private readonly int _every;
    private readonly long _longestRestMs;
    private readonly int[] _left;
    private readonly int[] _onTheirWay;
    private readonly long[]? _restUntilMs;

    /// <param name="plan">Which conversations there are.</param>
    /// <param name="cases">How often cookies change.</param>
    /// <param name="patience">How long a change waits for what is on its way: what is lost must not hold it up.</param>
    public CookieChurn(CasePlan plan, CaseOptions cases, TimeSpan patience)
    {
        _longestRestMs = (long)patience.TotalMilliseconds;
        _every = cases.ChurnEvery!.Value;
        _left = [.. Enumerable.Range(0, plan.Conversations).Select(conversation => 1 + conversation % _every)];
        _onTheirWay = new int[plan.Conversations];
        _restUntilMs = cases.RestsBeforeChange ? new long[plan.Conversations] : null;
    }

    public void Sent(int conversation) => _onTheirWay[conversation]++;

    public void Returned(int conversation) => _onTheirWay[conversation]--;

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
            until = until == 0 ? nowMs + _longestRestMs : until;
            if (_onTheirWay[conversation] > 0 && nowMs < until)
                return CookieAge.Resting;
            (until, _onTheirWay[conversation]) = (0, 0);
        }

        left = _every - 1;
        return CookieAge.Over;
    }
}

/// <summary>What to do about a conversation's cookies.</summary>
internal enum CookieAge
{
    Good,

    /// <summary>Send nothing, until nothing is on its way.</summary>
    Resting,

    /// <summary>Change them now.</summary>
    Over,
}
