using Rollup.Protocol;

namespace Rollup.Engine;

/// <summary>How accounts below maintenance are liquidated (docs/RISK.md, Liquidation).</summary>
/// <param name="Fee">Of the quote, to the insurance fund; at most <see cref="Scale.LiquidationFeeRate"/>. Never more than the account has left.</param>
/// <param name="AccountNotional">Most that is closed of one account through the book in an epoch, and in one slice of an auction, atoms at the mark.</param>
/// <param name="TotalNotional">Most that is closed of all accounts through the book in an epoch, atoms.</param>
/// <param name="BookEpochs">Epochs after which an account that the book has not relieved is auctioned.</param>
/// <param name="AuctionTime">Milliseconds in which an auction descends from the mark to the price bound. After twice that it ends, and the book is tried again.</param>
/// <param name="MinimumEquity">An account with less at the mark opens no derivatives, atoms.</param>
public sealed record LiquidationConfig(FeeRate Fee, long AccountNotional, long TotalNotional, int BookEpochs, int AuctionTime, long MinimumEquity = 0)
{
    /// <summary>The first rule the configuration breaks, or null.</summary>
    internal string? Validate()
    {
        if (Fee.Ppm > Scale.LiquidationFeeRate) return $"a liquidation fee of {Fee} exceeds {Scale.LiquidationFeeRate} ppm";
        if (AccountNotional is < 1 or > ExposureLimits.Revalued || TotalNotional is < 1 or > ExposureLimits.Revalued)
            return "what may be liquidated in an epoch is 1..2^60 atoms";
        if (MinimumEquity is < 0 or > ExposureLimits.Cash) return "the least equity for derivatives is 0..2^60 atoms";
        return BookEpochs >= 0 && AuctionTime >= 1 ? null : "liquidation takes at least 0 epochs of the book and 1 ms of auction";
    }
}
