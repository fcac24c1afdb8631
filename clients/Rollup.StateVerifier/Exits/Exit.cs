using Rollup.Circuits;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Risk;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Checks;

namespace Rollup.StateVerifier.Exits;

/// <summary>Why nobody can leave, or not like this; the message says what to do.</summary>
public sealed class NoExitException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What an account leaves with, from the last final batch alone.</summary>
public static class Exit
{
    /// <summary>The input of the proof.</summary>
    /// <param name="history">Rebuilt up to the last final batch (<see cref="BatchChain.Rebuild"/>).</param>
    /// <exception cref="NoExitException">The query names no single account, or it cannot be proven what it holds.</exception>
    /// <exception cref="CheckFailedException">The account is not the key's, not final, or does not open.</exception>
    public static ExitInput Of(VerifiedHistory history, AccountQuery query, out int account, out LeafContents contents)
    {
        int[] candidates = [.. query.Candidates(history.Events).Order()];
        account = candidates is [var only] ? only
            : throw new NoExitException(candidates.Length == 0 ? "Give --key FILE, or --account N of a public account." : $"The key file opens accounts {string.Join(", ", candidates)}: name one with --account.");
        (AccountIdentity identity, contents, _) = query.Open(history, account);
        RiskInputs inputs = history.Chain.FinalRiskInputs ?? throw new NoExitException("No batch is final: what was deposited is refunded by the vault.");
        ExitInput input;
        try
        {
            input = ExitInput.Build(account, identity, contents, history.Chain.PathOf(account), new RiskTree(RiskRows.From(inputs)));
        }
        catch (ArgumentException error)
        {
            throw new NoExitException($"Nobody can prove what account {account} is worth: {error.Message}", error);
        }

        return input.Root == history.Chain.FinalRoot
            ? input
            : throw new CheckFailedException(Check.Leaf, $"the leaf of account {account} is not under the root", history.Chain.LastFinal?.Header.Batch, history.Chain.FinalRoot.ToHex(), input.Root.ToHex());
    }
}
