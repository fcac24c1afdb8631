using System.Collections.Immutable;
using System.Numerics;
using System.Security.Cryptography;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Watcher;

/// <summary>A rule between batches that a batch breaks.</summary>
/// <param name="Kind">Of the alert.</param>
/// <param name="Action">The challenge that refutes it, and its call.</param>
internal sealed record BrokenRule(uint Batch, string Kind, string Text, string Action, byte[] Call);

/// <summary>
/// Holds well-formed risk inputs against those of the batch before, against its opening and against the registry (spec 10.7, 10.8). The registry's answers are those of the contract that judges, where there is one: it knows
/// for how long what is no longer in force is accepted.
/// </summary>
internal sealed class RuleCheck(WatcherConfig config, IEthereum ethereum)
{
    private Address? rules;

    /// <param name="open">Unix milliseconds of the batch's opening.</param>
    /// <param name="previous">Bytes of the inputs before; null of the first batch.</param>
    /// <param name="words">The batch's public data, as it was committed.</param>
    internal async Task<ImmutableArray<BrokenRule>> FindAsync(uint batch, long open, byte[]? previous, byte[] bytes, object[] words, CancellationToken cancellation)
    {
        if (!RiskInputs.TryDecode(bytes, out RiskInputs inputs, out _)) return [];
        var broken = ImmutableArray.CreateBuilder<BrokenRule>();
        long age = open - inputs.ObservedAt.Milliseconds;
        if (age < 0 || age > config.MaxReportMilliseconds)
        {
            broken.Add(new BrokenRule(batch, "stale", $"its prices were observed {age} ms before it opened; up to {config.MaxReportMilliseconds} (maxReportMilliseconds) are expected",
                "challengeStale", ChallengesAbi.ChallengeStale.Encode(batch, words, bytes)));
        }

        if (previous is not null && RiskInputs.TryDecode(previous, out RiskInputs before, out _) && RiskSuccession.BrokenBy(before, inputs) is [(InputRule rule, int id), ..] all)
            broken.Add(new BrokenRule(batch, "succession", $"its risk inputs break a rule after those before: {Describe(rule, id)}{(all.Length > 1 ? $", and {all.Length - 1} more" : "")}", "challengeSuccession", Succession(previous, id)));
        if (await ProblemInRegistryAsync(bytes, inputs, cancellation) is { } problem) broken.Add(new BrokenRule(batch, "parameters", problem, "challengeSuccession", Succession([], 0)));
        return broken.ToImmutable();

        byte[] Succession(byte[] first, int instrument) => ChallengesAbi.ChallengeSuccession.Encode(batch, first, bytes, instrument);
    }

    private static string Describe(InputRule rule, int id) => rule switch
    {
        InputRule.Listing => $"instrument {id} is no longer listed",
        InputRule.Terms => $"instrument {id} has another kind, group, strike or expiry",
        InputRule.Settlement => $"instrument {id} was settled and is not any more",
        _ => "its prices were not observed later",
    };

    private async Task<string?> ProblemInRegistryAsync(byte[] bytes, RiskInputs inputs, CancellationToken cancellation)
    {
        var used = new byte[RiskParameters.Size];
        inputs.Parameters.Encode(used);
        Bytes32 hash = Bytes32.FromBytes(SHA256.HashData(used));
        string unknown = $"its risk parameters have the hash {hash}, which was not in force";
        if (config.Challenges is { } challenges)
        {
            rules ??= (Address)(await ethereum.CallAsync(challenges, ChallengesAbi.RiskRules, [], default, cancellation))[0];
            var broken = (InputRule)(int)(BigInteger)(await ethereum.CallAsync(rules.Value, RiskRulesAbi.BrokenBy, [Array.Empty<byte>(), bytes, 0], default, cancellation))[0];
            return broken switch { InputRule.None => null, InputRule.ScanRange => "a scan range is outside the bounds that the registry had in force", _ => unknown };
        }

        if (config.Parameters is not { } registry) return null;
        return (bool)(await ethereum.CallAsync(registry, ParametersAbi.IsAccepted, [hash, inputs.ObservedAt.Milliseconds / 1_000], default, cancellation))[0] ? null : unknown;
    }
}
