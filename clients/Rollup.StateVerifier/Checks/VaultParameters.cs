using System.Globalization;
using System.Numerics;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.StateVerifier.Chain;

namespace Rollup.StateVerifier.Checks;

/// <summary>What the owner knows from elsewhere than L1; null where nothing is pinned.</summary>
/// <param name="ChainId">The chain that the vault is on.</param>
/// <param name="KeyHash">keccak256 of the words that the verifier contract's <c>verifyingKey()</c> holds.</param>
public sealed record Pins(ulong? ChainId = null, Bytes32? KeyHash = null);

/// <summary>The vault's parameters, checked. Times in milliseconds, the proof's deadline in seconds.</summary>
/// <param name="KeyHash">keccak256 of the verifying key's EVM words.</param>
/// <param name="QueueTail">Number of operations ever queued.</param>
/// <param name="QueuePrefix">q of the whole queue (spec 6.2).</param>
public sealed record VaultParameters(
    Address Vault, Fr Domain, CircuitProfile Profile, Fr GenesisRoot, VerifyingKey Key, Bytes32 KeyHash, BigInteger ProofDeadline, BigInteger MaxEpoch, BigInteger ClockTolerance,
    bool IsFrozen, uint LastCommitted, uint LastFinal, ulong QueueTail, Bytes32 QueuePrefix)
{
    /// <summary>Public inputs of the settlement circuit: C, y, z, riskRoot.</summary>
    private const int PublicInputs = 4;

    /// <summary>Whether somebody knows the key's secret and can forge proofs.</summary>
    public bool IsDevelopmentKey => DevKeys.IsDevelopment(Key);

    /// <summary>Checks the vault's answers against what they must be.</summary>
    /// <exception cref="CheckFailedException"/>
    public static VaultParameters From(VaultSnapshot snapshot, Pins pins)
    {
        if (pins.ChainId is { } chain && chain != snapshot.ChainId)
            throw Fail(Check.Domain, "the endpoint is on another chain", chain, snapshot.ChainId);
        Fr domain = SettlementDomain.Of(snapshot.ChainId, snapshot.Vault);
        var answered = snapshot.Read<BigInteger>(VaultAbi.Domain);
        if (answered != domain.ToBigInteger())
            throw Fail(Check.Domain,
                $"the vault's domain is not that of chain {snapshot.ChainId}, vault {Eip55.Format(snapshot.Vault)} and circuit version {CircuitVersion.Value}", domain.ToHex(), Text(answered));

        CircuitProfile profile = ReadProfile(snapshot);
        Fr genesis = Genesis();
        answered = snapshot.Read<BigInteger>(VaultAbi.GenesisRoot);
        if (answered != genesis.ToBigInteger()) throw Fail(Check.Genesis, "the vault started from another state than the protocol's", genesis.ToHex(), Text(answered));

        (VerifyingKey key, Bytes32 keyHash) = ReadKey(snapshot, pins);
        return new VaultParameters(
            snapshot.Vault, domain, profile, genesis, key, keyHash, snapshot.Read<BigInteger>(VaultAbi.ProofDeadline),
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

    private static Fr Genesis() => GenesisTree().Root;

    private static CircuitProfile ReadProfile(VaultSnapshot snapshot)
    {
        var blocks = snapshot.Read<BigInteger>(VaultAbi.Blocks);
        var rows = snapshot.Read<BigInteger>(VaultAbi.Rows);
        var operations = snapshot.Read<BigInteger>(VaultAbi.Operations);
        CircuitProfile profile = CircuitProfile.All.FirstOrDefault(p => p.Blocks == blocks && p.Rows == rows && p.Operations == operations)
            ?? throw Fail(Check.Parameters, "the vault's capacities are those of no known profile",
                string.Join(" or ", CircuitProfile.All.Select(p => $"{p.Name} ({p.Blocks}, {p.Rows}, {p.Operations})")), $"blocks, rows, operations ({blocks}, {rows}, {operations})");
        var words = snapshot.Read<BigInteger>(VaultAbi.WordCount);
        return words == profile.DataWords ? profile : throw Fail(Check.Parameters, "the vault counts the words of a batch differently", profile.DataWords, words);
    }

    private static (VerifyingKey Key, Bytes32 Hash) ReadKey(VaultSnapshot snapshot, Pins pins)
    {
        byte[] words = [.. snapshot.Read<object[]>(VerifierAbi.VerifyingKey).SelectMany(word => VaultContract.Word((BigInteger)word))];
        Bytes32 hash = Bytes32.FromBytes(Keccak.Hash256(words));
        if (pins.KeyHash is { } pinned && pinned != hash) throw Fail(Check.VerifyingKey, "the verifier contract holds another key than the pinned one", pinned, hash);
        VerifyingKey key;
        try
        {
            key = VerifyingKey.FromEvmWords(words);
        }
        catch (InvalidKeyException e)
        {
            throw new CheckFailedException(Check.VerifyingKey, $"the verifier contract's key must not be used: {e.Message}");
        }

        return key.PublicCount == PublicInputs ? (key, hash) : throw Fail(Check.VerifyingKey, "the key is for another number of public inputs", PublicInputs, key.PublicCount);
    }

    private static string Text(BigInteger word) => Hex.Format(VaultContract.Word(word));

    private static CheckFailedException Fail(Check check, string problem, object expected, object found) => new(
        check, problem, null, Convert.ToString(expected, CultureInfo.InvariantCulture), Convert.ToString(found, CultureInfo.InvariantCulture));
}
