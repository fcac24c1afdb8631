using System.Collections.Immutable;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.StateVerifier.Checks;

namespace Rollup.StateVerifier.Accounts;

/// <summary>One holding under the newest final risk table. Value in atoms: size x base, net of funding.</summary>
public sealed record StatementPosition(RiskRow Row, long Mark, long Size, Int128 Value);

/// <summary>One margin group in atoms: what its positions are worth at the mark, and in their worst scenario.</summary>
public sealed record StatementGroup(int Group, Int128 Value, Int128 Worst)
{
    /// <summary>What the worst scenario takes from the mark.</summary>
    public Int128 InitialMargin => Value - Worst;
}

/// <summary>What an account holds and is worth after the newest final batch, all of it following from L1.</summary>
/// <param name="LeafBatch">The batch that published the leaf last; 0 is the genesis.</param>
/// <param name="Standing">The newest final batch, under whose risk rows the account is valued; null while there is none.</param>
/// <param name="PricesObserved">When the prices of those rows were observed.</param>
public sealed record AccountStatement(
    int Account, AccountIdentity Identity, LeafContents Contents, uint LeafBatch, BatchReport? Standing, Timestamp? PricesObserved,
    ImmutableArray<StatementPosition> Positions, ImmutableArray<StatementGroup> Groups, Int128 Value, Int128 Health)
{
    public Int128 InitialMargin => Value - Health;

    /// <summary>The statements that a query asks for.</summary>
    /// <exception cref="CheckFailedException">An account cannot be shown; the message says why.</exception>
    public static ImmutableArray<AccountStatement> Of(VerifiedHistory history, AccountQuery query) =>
        [.. query.Candidates(history.Events).Order().Select(account => Of(history, query, account))];

    private static AccountStatement Of(VerifiedHistory history, AccountQuery query, int account)
    {
        (AccountIdentity identity, LeafContents contents, uint batch) = query.Open(history, account);
        RiskInputs? inputs = history.Chain.FinalRiskInputs;
        Dictionary<int, RiskRow> rows = inputs is null ? [] : RiskRows.From(inputs).ToDictionary(r => r.Id);
        RiskRow Row(int instrument) => rows.TryGetValue(instrument, out RiskRow? row)
            ? row
            : throw new CheckFailedException(Check.Risk, $"account {account} holds instrument {instrument}, which the newest risk table does not list", history.Chain.LastFinal?.Header.Batch);

        ImmutableArray<StatementPosition> positions = [.. contents.Positions.Select(p => (p.Size, Row: Row(p.Instrument)))
            .Select(p => new StatementPosition(p.Row, p.Row.Base + p.Row.Funding, p.Size, (Int128)p.Size * p.Row.Base))];
        PortfolioMargin margin = PortfolioMargin.Of(contents.Cash, positions.Select(p => (p.Row, p.Size)));
        return new AccountStatement(account, identity, contents, batch, history.Chain.LastFinal, inputs?.ObservedAt, positions,
            [.. margin.Groups.Select(g => new StatementGroup(g.Group, positions.Where(p => p.Row.Group == g.Group).Aggregate(Int128.Zero, (sum, p) => sum + p.Value), g.Worst))],
            margin.Value, margin.Health);
    }
}
