using System.Numerics;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Chain;

/// <summary>The registry's bytes of risk parameters, and its bounds of scan ranges by margin group, as of a block.</summary>
internal delegate Task<(byte[] Parameters, IReadOnlyDictionary<int, (long Least, long Most)> Ranges)> ReadRegistry(ulong block, CancellationToken cancellation);

/// <summary>Whether the vault on the chain is the one that the sequencer is configured for.</summary>
internal static class VaultCheck
{
    /// <summary>Makes sure that the vault holds every sealed batch as final: no batch of the circuit before can become it any more.</summary>
    /// <exception cref="SafeStopException">It does not, or its root is another.</exception>
    /// <exception cref="EthereumException">The chain did not answer.</exception>
    internal static async Task RequireAllFinalAsync(IEthereum ethereum, Address vault, uint lastSealed, Fr root, CancellationToken cancellation)
    {
        var final = (uint)(BigInteger)(await ethereum.CallAsync(vault, VaultAbi.LastFinal, [], cancellation: cancellation))[0];
        if (final != lastSealed)
            throw new SafeStopException($"The vault's last final batch is {final}, and the last sealed one is {lastSealed}: what was sealed after batch {final} is of the circuit before and can never be settled. "
                + "Restore the journal as it was when that batch was sealed; what executed later is void.");
        var record = (object[])(await ethereum.CallAsync(vault, VaultAbi.Batches, [final], cancellation: cancellation))[0];
        if ((BigInteger)record[0] != root.ToBigInteger()) throw new SafeStopException($"The vault's root after batch {final} is {record[0]}, and the sequencer's is {root.ToBigInteger()}: the data directory is another vault's.");
    }

    /// <summary>How the registry is read; null = there is none.</summary>
    internal static ReadRegistry? RegistryOf(IEthereum ethereum, SequencerConfig config)
    {
        if (config.Chain.Parameters is not { } registry) return null;
        return async (block, cancellation) =>
        {
            var ranges = new Dictionary<int, (long, long)>();
            foreach (int group in config.Groups.Select(g => g.Group)) ranges[group] = BoundsOf((object[])await CallAsync(ParametersAbi.RangeRuleOf, group));
            return ((byte[])await CallAsync(ParametersAbi.CanonicalBytes), ranges);

            async Task<object> CallAsync(AbiFunction view, params object[] arguments) => (await ethereum.CallAsync(registry, view, arguments, block, cancellation))[0];
        };
    }

    // 32 bits each; most 0 is no rule.
    private static (long Least, long Most) BoundsOf(object[] rule) => ((long)(BigInteger)rule[0], (BigInteger)rule[1] is var most && most != 0 ? (long)most : long.MaxValue);

    /// <param name="genesisRoot">Root of the account tree at genesis.</param>
    /// <exception cref="SafeStopException">It is another; the message says in what.</exception>
    /// <exception cref="EthereumException">The chain did not answer.</exception>
    /// <returns>The vault's proof deadline, milliseconds.</returns>
    internal static async Task<long> RunAsync(IEthereum ethereum, SequencerConfig config, Fr genesisRoot, CancellationToken cancellation)
    {
        ulong chainId = await ethereum.GetChainIdAsync(cancellation);
        if (chainId != config.Chain.ChainId) throw new SafeStopException($"chain.rpc answers for chain {chainId}, and chain.chainId is {config.Chain.ChainId}.");
        if ((await ethereum.GetCodeAsync(config.Chain.Vault, cancellation: cancellation)).Length == 0)
            throw new SafeStopException($"There is no contract at chain.vault {Eip55.Format(config.Chain.Vault)}.");

        CircuitProfile profile = CircuitProfile.Named(config.Profile);
        var circuit = (object[])(await ethereum.CallAsync(config.Chain.Vault, VaultAbi.Circuit, [], cancellation: cancellation))[0];
        var version = (uint)(BigInteger)circuit[4];
        if (version != config.Chain.CircuitVersion)
            throw new SafeStopException($"The vault's circuit has version {version}, and chain.circuitVersion is {config.Chain.CircuitVersion}: "
                + (version > config.Chain.CircuitVersion ? "it was upgraded; `sequencer upgrade` makes the data directory for it." : "the upgrade is not in force yet."));
        await Require(VaultAbi.Domain, config.ToEngine().Domain.ToBigInteger());
        await Require(VaultAbi.GenesisRoot, genesisRoot.ToBigInteger());
        await Require(VaultAbi.Blocks, profile.Blocks);
        await Require(VaultAbi.Rows, profile.Rows);
        await Require(VaultAbi.Operations, profile.Operations);
        BigInteger maxEpoch = await Read(VaultAbi.MaxEpoch);
        if (maxEpoch < config.Epoch.Max) throw new SafeStopException($"The vault takes batches of at most {maxEpoch} ms, and epoch.max is {config.Epoch.Max}.");
        if (await CallAsync(config.Chain.Vault, VaultAbi.Committee) is Address { IsZero: false } committee) await RequireCommitteeAsync(committee);
        if (await CallAsync(config.Chain.Vault, VaultAbi.Challenges) is Address { IsZero: false } challenges) await RequireRulesAsync(challenges);
        return 1000 * (long)await Read(VaultAbi.ProofDeadline);

        // That the vault takes what the configured nodes sign: it refuses a commit with too few signatures, and with any of who is no member.
        async Task RequireCommitteeAsync(Address committee)
        {
            string name = $"the vault's committee {Eip55.Format(committee)}";
            var threshold = (BigInteger)await CallAsync(committee, CommitteeAbi.Threshold);
            if (config.Oracle.Committee is not { Signatures: > 0 } own) throw new SafeStopException($"The vault takes no batch without {threshold} signatures of {name}, and oracle.committee.signatures is not set: nothing could be committed.");
            if (own.Signatures < threshold) throw new SafeStopException($"The vault wants {threshold} signatures of {name}, and oracle.committee.signatures is {own.Signatures}.");
            var members = ((object[])await CallAsync(committee, CommitteeAbi.Members)).Cast<Address>().ToHashSet();
            string strangers = string.Join(", ", own.Nodes.Select((node, i) => (node, i)).Where(n => !members.Contains(n.node.Address)).Select(n => $"node {n.i} ({Eip55.Format(n.node.Address)})"));
            if (strangers.Length > 0) throw new SafeStopException($"No members of {name}, which refuses a batch with their signatures: {strangers} of oracle.committee.nodes.");
            var maxAge = (BigInteger)await CallAsync(committee, CommitteeAbi.MaxAge);
            if (maxAge < config.Epoch.MaxReportAge) throw new SafeStopException($"Prices may be {maxAge} ms old when an epoch opens, says {name}, and epoch.maxReportAge is {config.Epoch.MaxReportAge}.");
        }

        // That no honest batch would break a rule for which the challenges freeze the vault (spec 10.7, 10.8).
        async Task RequireRulesAsync(Address challenges)
        {
            var rules = (Address)await CallAsync(challenges, ChallengesAbi.RiskRules);
            var age = (BigInteger)await CallAsync(rules, RiskRulesAbi.MaxReportAge);
            if (age < config.Epoch.MaxReportAge) throw new SafeStopException($"The vault freezes over prices older than {age} ms, and epoch.maxReportAge is {config.Epoch.MaxReportAge}.");
            var registry = (Address)await CallAsync(rules, RiskRulesAbi.Registry);
            if (config.Chain.Parameters != registry)
                throw new SafeStopException($"The vault freezes over risk parameters that are not those of the registry {Eip55.Format(registry)}, and chain.parameters is {(config.Chain.Parameters is { } given ? Eip55.Format(given) : "absent")}.");
            var grace = (BigInteger)await CallAsync(registry, ParametersAbi.Grace);
            if (1_000 * grace < 2 * SequencerCore.RegistryLife)
                throw new SafeStopException($"The registry's grace for risk parameters is {grace} s; it takes {2 * SequencerCore.RegistryLife / 1_000} to go on for half as long while L1 does not answer, and not to be frozen for it.");
            foreach (GroupConfig g in config.Groups)
            {
                (long least, long most) = BoundsOf((object[])await CallAsync(registry, ParametersAbi.RangeRuleOf, g.Group));
                int highest = g.MaxScanRangePpm ?? g.ScanRangePpm;
                if (g.ScanRangePpm < least || highest > most)
                    throw new SafeStopException($"The vault freezes over scan ranges of group {g.Group} outside {least} to {most}, and its scanRangePpm and maxScanRangePpm are {g.ScanRangePpm} and {highest}.");
            }
        }

        async Task Require(AbiFunction view, BigInteger expected)
        {
            BigInteger found = await Read(view);
            if (found != expected) throw new SafeStopException($"The vault's {view.Name} is {found}, and the configuration's is {expected}: the vault was deployed for another configuration.");
        }

        async Task<BigInteger> Read(AbiFunction view) => (BigInteger)await CallAsync(config.Chain.Vault, view);

        async Task<object> CallAsync(Address contract, AbiFunction view, params object[] arguments) => (await ethereum.CallAsync(contract, view, arguments, cancellation: cancellation))[0];
    }
}
