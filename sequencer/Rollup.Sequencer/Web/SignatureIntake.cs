using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Web;

/// <summary>
/// Verifies the signatures of arriving requests, several at a time: what arrives while some are verified is next. Nothing waits for company: a lone request is
/// verified at once, and under load the pieces are full. A further core joins when a full piece waits, so that light traffic is not spread thin.
/// </summary>
/// <param name="verify">Decides each item of a piece.</param>
/// <param name="cores">Most pieces at a time.</param>
/// <param name="capacity">Most requests that wait.</param>
internal sealed class SignatureIntake(SignatureIntake.Verification verify, int cores, int capacity, HostMetrics metrics, TimeProvider clock) : IThreadPoolWorkItem
{
    /// <summary>
    /// One vector of AVX-512, two of AVX2: more at once is hardly cheaper each. It takes a core 0.3 ms, or 0.6 ms, and 1.2 ms without vectors; a request that comes
    /// while a piece is verified, and before the next one is full, waits that long at most.
    /// </summary>
    internal const int MaxPiece = 8;

    private readonly Lock gate = new();
    private readonly Queue<Arrival> waiting = new();
    private int workers;

    /// <summary>Fills in a code for each item: <see cref="RequestVerifier.VerifyMany"/>.</summary>
    internal delegate void Verification(ReadOnlySpan<SignedWord> items, Span<RejectCode> codes);

    private readonly record struct Arrival(SignedWord Item, TaskCompletionSource<RejectCode> Answer);

    /// <summary>None, Malformed or BadSignature; or null, at once, when too many wait.</summary>
    internal async ValueTask<RejectCode?> VerifyAsync(SignedWord item)
    {
        var arrival = new Arrival(item, new TaskCompletionSource<RejectCode>(TaskCreationOptions.RunContinuationsAsynchronously));
        bool isMoreWorkersDue;
        lock (gate)
        {
            if (waiting.Count >= capacity) return null;
            waiting.Enqueue(arrival);
            isMoreWorkersDue = workers == 0 || (workers < cores && waiting.Count >= MaxPiece);
            if (isMoreWorkersDue) workers++;
        }

        if (isMoreWorkersDue) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return await arrival.Answer.Task;
    }

    // One piece at a time on the pool, so that arriving requests are read in between.
    void IThreadPoolWorkItem.Execute()
    {
        Arrival[] piece;
        lock (gate)
        {
            piece = new Arrival[Math.Min(waiting.Count, MaxPiece)];
            for (int i = 0; i < piece.Length; i++) piece[i] = waiting.Dequeue();
        }

        if (piece.Length > 0) Verify(piece);
        lock (gate)
        {
            // The last worker stays while anything waits, another only for a full piece.
            if (waiting.Count == 0 || (workers > 1 && waiting.Count < MaxPiece))
            {
                workers--;
                return;
            }
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private void Verify(Arrival[] piece)
    {
        long started = clock.GetTimestamp();
        var codes = new RejectCode[piece.Length];
        try
        {
            verify([.. piece.Select(arrival => arrival.Item)], codes);
        }
        // No request may stay without an answer.
        catch (Exception error)
        {
            foreach (Arrival arrival in piece) arrival.Answer.SetException(error);
            return;
        }

        metrics.Verified(piece.Length, clock.GetElapsedTime(started));
        for (int i = 0; i < piece.Length; i++) piece[i].Answer.SetResult(codes[i]);
    }
}
