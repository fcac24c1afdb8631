namespace Rollup.Sequencer.Web;

/// <summary>Allows a steady rate with bursts. Thread-safe.</summary>
/// <param name="perSecond">Steady rate.</param>
/// <param name="burst">Most at once.</param>
internal sealed class TokenBucket(int perSecond, int burst, TimeProvider clock)
{
    private readonly Lock gate = new();
    private double tokens = burst;
    private long last = clock.GetTimestamp();

    internal bool TryTake()
    {
        lock (gate)
        {
            long now = clock.GetTimestamp();
            tokens = Math.Min(burst, tokens + clock.GetElapsedTime(last, now).TotalSeconds * perSecond);
            last = now;
            if (tokens < 1) return false;
            tokens--;
            return true;
        }
    }
}
