using System.Collections.Immutable;
using System.Globalization;
using System.Numerics;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.StateVerifier.Chain;

namespace Rollup.StateVerifier.Checks;

/// <summary>What the owner knows from elsewhere than L1; null or empty where nothing is pinned.</summary>
/// <param name="ChainId">The chain that the vault is on.</param>
/// <param name="KeyHashes">keccak256 of the words that a verifier contract's <c>verifyingKey()</c> holds: every circuit that the vault ever had must have one of them.</param>
public sealed record Pins(ulong? ChainId = null, ImmutableArray<Bytes32> KeyHashes = default);

/// <summary>The vault's parameters, checked. Times in milliseconds, the proof's deadline in seconds.</summary>
/// <param name="Circuits">The newest last; at least one.</param>
/// <param name="QueueTail">Number of operations ever queued.</param>
/// <param name="QueuePrefix">q of the whole queue (spec 6.2).</param>
public sealed record VaultParameters(
    Address Vault, ImmutableArray<VaultCircuit> Circuits, Fr GenesisRoot, BigInteger ProofDeadline, BigInteger MaxEpoch, BigInteger ClockTolerance,
    bool IsFrozen, uint LastCommitted, uint LastFinal, ulong QueueTail, Bytes32 QueuePrefix)
{
    /// <summary>The circuit that the next batch is of.</summary>
    public VaultCircuit Circuit => Circuits[^1];

    /// <summary>Whether somebody knows the secret of a key that batches were proven with, and can have forged a proof.</summary>
    public bool IsDevelopmentKey => Circuits.Any(c => DevKeys.IsDevelopment(c.Key));

    /// <summary>The circuit that a batch is of.</summary>
    /// <param name="commit">The log of its commit.</param>
    /// <exception cref="CheckFailedException">It was committed before the vault had any.</exception>
    public VaultCircuit CircuitAt(Log commit) => Circuits.LastOrDefault(c => (c.Since.BlockNumber, c.Since.LogIndex).CompareTo((commit.BlockNumber, commit.LogIndex)) < 0)
        ?? throw new CheckFailedException(Check.Sequence, $"log {commit.LogIndex} of block {commit.BlockNumber} commits a batch before the vault had a circuit");

    /// <summary>Checks the vault's answers against what they must be.</summary>
    /// <exception cref="CheckFailedException"/>
    public static VaultParameters From(VaultSnapshot snapshot, Pins pins)
    {
        if (pins.ChainId is { } chain && chain != snapshot.ChainId)
            throw Fail(Check.Domain, "the endpoint is on another chain", chain, snapshot.ChainId);
        ImmutableArray<VaultCircuit> circuits = VaultCircuit.AllOf(snapshot, pins);
        Fr genesis = GenesisTree().Root;
        var answered = snapshot.Read<BigInteger>(VaultAbi.GenesisRoot);
        if (answered != genesis.ToBigInteger())
            throw Fail(Check.Genesis, "the vault started from another state than the protocol's", genesis.ToHex(), Hex.Format(VaultContract.Word(answered)));

        return new VaultParameters(
            snapshot.Vault, circuits, genesis, snapshot.Read<BigInteger>(VaultAbi.ProofDeadline),
            snapshot.Read<BigInteger>(VaultAbi.MaxEpoch), snapshot.Read<BigInteger>(VaultAbi.ClockTolerance),
            snapshot.Read<bool>(VaultAbi.Frozen), (uint)snapshot.Read<BigInteger>(VaultAbi.LastCommitted), (uint)snapshot.Read<BigInteger>(VaultAbi.LastFinal),
            (ulong)snapshot.Read<BigInteger>(VaultAbi.QueueTail), Bytes32.FromBytes(snapshot.Read<byte[]>(VaultAbi.QueuePrefix)));
    }

    /// <summary>The account tree before the first batch (spec 3.4).</summary>
    public static QuadTree GenesisTree()
    {
        var tree = new QuadTree(Depth.Account);
        Fr leaf = LeafContents.Empty.Hash(AccountIdentity.Reserved);
        for (ulong account = 0; account < Bound.ReservedAccounts; account++) tree.Set(account, leaf);
        return tree;
    }

    private static CheckFailedException Fail(Check check, string problem, object expected, object found) => new(
        check, problem, null, Convert.ToString(expected, CultureInfo.InvariantCulture), Convert.ToString(found, CultureInfo.InvariantCulture));
}
