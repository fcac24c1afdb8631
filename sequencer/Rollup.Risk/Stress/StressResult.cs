using System.Collections.Immutable;

namespace Rollup.Risk.Stress;

/// <summary>One round: prices, and what they made of the accounts. Money in atoms.</summary>
/// <param name="Shock">Position of the shock.</param>
/// <param name="Round">0 is the shock itself.</param>
/// <param name="Prices">Price of each group of the inputs, of the book's, in 10^-9.</param>
/// <param name="Distressed">Accounts below maintenance.</param>
/// <param name="ClosedOut">Those of them that kept no position.</param>
/// <param name="Sold">Delta-equivalent notional of all forced trades.</param>
/// <param name="FundPaid">What the fund paid for deficits.</param>
/// <param name="Uncovered">Deficits that it did not pay.</param>
/// <param name="Fund">What it has at the end.</param>
public sealed record StressRound(int Shock, int Round, ImmutableArray<long> Prices, int Distressed, int ClosedOut, Int128 Sold, Int128 FundPaid, Int128 Uncovered, Int128 Fund);

/// <summary>What a shock led to, to the end of its rounds.</summary>
/// <param name="Distressed">Different accounts below maintenance.</param>
/// <param name="ClosedOut">Accounts that lost all their positions.</param>
/// <param name="Rounds">Rounds with an account below maintenance.</param>
/// <param name="IsAtRest">Whether nobody was below maintenance at the end; else the limit of rounds cut it off.</param>
public sealed record StressShockResult(string Name, int Distressed, int ClosedOut, Int128 Sold, Int128 FundPaid, Int128 Uncovered, int Rounds, bool IsAtRest);

/// <summary>What became of an account.</summary>
public enum AccountEnd
{
    /// <summary>It never was below maintenance.</summary>
    Kept,

    /// <summary>A part of its positions was closed.</summary>
    Reduced,

    /// <summary>All were, and it owes nothing.</summary>
    ClosedOut,

    /// <summary>All were, and it left a deficit.</summary>
    Insolvent,
}

/// <summary>An account's way through a scenario. Equity is cash + positions at the mark, atoms.</summary>
public sealed record AccountOutcome(int Account, Int128 Before, Int128 After, AccountEnd End, Int128 Deficit)
{
    /// <summary>What it lost, without the deficit that it left to others; negative if it gained.</summary>
    public Int128 Loss => Before - After;
}

/// <summary>
/// Sums of a scenario, atoms. Two equations hold exactly: <c>After + FundAfter + Takers - Uncovered = Before + FundBefore + Revaluation</c>, and
/// <c>FundAfter = FundBefore + Fees - FundPaid</c>.
/// </summary>
/// <param name="Before">Equity of all accounts at the book's prices.</param>
/// <param name="After">At the last prices.</param>
/// <param name="Takers">Equity of whoever took the other side of forced trades: they begin with nothing.</param>
/// <param name="Revaluation">What the book's net positions gained by the prices: of a whole book only its spot.</param>
/// <param name="Fees">Paid to the fund by liquidated accounts.</param>
/// <param name="Uncovered">Deficits that the fund did not pay: what deleveraging takes from the other side, or is socialised.</param>
public sealed record StressTotals(
    Int128 Before, Int128 After, Int128 FundBefore, Int128 FundAfter, Int128 Takers, Int128 Revaluation, Int128 Fees, Int128 FundPaid, Int128 Uncovered)
{
    internal bool Balance => After + FundAfter + Takers - Uncovered == Before + FundBefore + Revaluation && FundAfter == FundBefore + Fees - FundPaid;
}

/// <summary>A scenario's course and end.</summary>
public sealed record StressResult(
    StressScenario Scenario, ImmutableArray<StressShockResult> Shocks, ImmutableArray<StressRound> Rounds, ImmutableArray<AccountOutcome> Accounts, StressTotals Totals);
