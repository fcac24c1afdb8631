using System.Numerics;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Chain;

/// <summary>Whether the vault on the chain is the one that the sequencer is configured for.</summary>
internal static class VaultCheck
{
    /// <param name="genesisRoot">Root of the account tree at genesis.</param>
    /// <exception cref="SafeStopException">It is another; the message says in what.</exception>
    /// <exception cref="EthereumException">The chain did not answer.</exception>
    internal static async Task RunAsync(IEthereum ethereum, SequencerConfig config, Fr genesisRoot, CancellationToken cancellation)
    {
        ulong chainId = await ethereum.GetChainIdAsync(cancellation);
        if (chainId != config.Chain.ChainId) throw new SafeStopException($"chain.rpc answers for chain {chainId}, and chain.chainId is {config.Chain.ChainId}.");
        if ((await ethereum.GetCodeAsync(config.Chain.Vault, cancellation: cancellation)).Length == 0)
            throw new SafeStopException($"There is no contract at chain.vault {Eip55.Format(config.Chain.Vault)}.");

        CircuitProfile profile = CircuitProfile.Named(config.Profile);
        await Require(VaultAbi.Domain, config.ToEngine().Domain.ToBigInteger());
        await Require(VaultAbi.GenesisRoot, genesisRoot.ToBigInteger());
        await Require(VaultAbi.Blocks, profile.Blocks);
        await Require(VaultAbi.Rows, profile.Rows);
        await Require(VaultAbi.Operations, profile.Operations);
        BigInteger maxEpoch = await Read(VaultAbi.MaxEpoch);
        if (maxEpoch < config.Epoch.Max) throw new SafeStopException($"The vault takes batches of at most {maxEpoch} ms, and epoch.max is {config.Epoch.Max}.");

        async Task Require(AbiFunction view, BigInteger expected)
        {
            BigInteger found = await Read(view);
            if (found != expected) throw new SafeStopException($"The vault's {view.Name} is {found}, and the configuration's is {expected}: the vault was deployed for another configuration.");
        }

        async Task<BigInteger> Read(AbiFunction view) =>
            (BigInteger)(await ethereum.CallAsync(config.Chain.Vault, view, [], cancellation: cancellation))[0];
    }
}
