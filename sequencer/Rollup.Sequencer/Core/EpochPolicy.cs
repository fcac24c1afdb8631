using Rollup.Engine;
using Rollup.Sequencer.Configuration;

namespace Rollup.Sequencer.Core;

/// <summary>What is to be done about the epoch.</summary>
internal enum EpochStep
{
    None,

    /// <summary>New prices for an epoch in which nothing has executed, or a first epoch.</summary>
    Open,

    /// <summary>Seal the batch, then open the next.</summary>
    SealAndOpen,
}

/// <summary>When epochs end. Pure.</summary>
internal static class EpochPolicy
{
    /// <param name="isEmpty">Nothing has executed in the open epoch.</param>
    /// <param name="isDistressed">Enough margin is in distress under live prices to end the epoch before its time.</param>
    /// <param name="mustSeal">The batch has no room for what waits, or sealing was asked for.</param>
    /// <param name="opensNext">Whether the prices are good enough for the next epoch. If not, the present one lasts as long as it may: so long positions can be closed.</param>
    internal static EpochStep Decide(EpochConfig config, EngineStatus status, bool isEmpty, long now, bool isDistressed, bool mustSeal, bool opensNext)
    {
        if (!status.IsOpen) return EpochStep.Open;
        long age = now - status.Opened.Milliseconds;
        if (isEmpty) return isDistressed || age >= config.Refresh ? EpochStep.Open : EpochStep.None;
        return mustSeal || isDistressed || age >= (opensNext ? config.Length : config.Max) ? EpochStep.SealAndOpen : EpochStep.None;
    }
}
