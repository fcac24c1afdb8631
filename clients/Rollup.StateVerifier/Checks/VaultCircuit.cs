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

/// <summary>A circuit that the vault takes batches of: those committed after <paramref name="Since"/>, until the next circuit's.</summary>
/// <param name="Since">The log that names it: of the vault's deployment, or of an upgrade.</param>
/// <param name="Domain">Of everything that is signed and committed for it (spec 4.1).</param>
/// <param name="KeyHash">keccak256 of the verifying key's EVM words.</param>
public sealed record VaultCircuit(Log Since, uint Version, Fr Domain, CircuitProfile Profile, Address Verifier, VerifyingKey Key, Bytes32 KeyHash)
{
    /// <summary>Public inputs of the settlement circuit: C, y, z, riskRoot.</summary>
    private const int PublicInputs = 4;

    /// <summary>The verifier contracts of the vault's circuits, unchecked, for whoever reads their keys.</summary>
    /// <exception cref="CheckFailedException">A log does not decode.</exception>
    internal static IEnumerable<Address> VerifiersOf(IEnumerable<Log> logs) => logs.Where(VaultAbi.CircuitChanged.Matches).Select(log => (Address)Fields(log)[0]).Distinct();

    /// <summary>All circuits of the vault, the newest last: versions only rise, and the last one is what the vault says of itself.</summary>
    /// <exception cref="CheckFailedException"/>
    internal static ImmutableArray<VaultCircuit> AllOf(VaultSnapshot snapshot, Pins pins)
    {
        var circuits = ImmutableArray.CreateBuilder<VaultCircuit>();
        foreach (Log log in snapshot.Logs.Where(VaultAbi.CircuitChanged.Matches))
        {
            VaultCircuit circuit = Read(snapshot, log, pins);
            if (circuits.Count == 0 ? circuit.Version != CircuitVersion.Value : circuit.Version <= circuits[^1].Version)
                throw Fail(Check.Domain, circuits.Count == 0 ? "the vault did not start with the circuit version that this program knows" : "the version of the vault's circuit does not rise",
                    circuits.Count == 0 ? CircuitVersion.Value : $"above {circuits[^1].Version}", circuit.Version);
            circuits.Add(circuit);
        }

        if (circuits.Count == 0)
            throw new CheckFailedException(Check.Sequence, $"the log of the vault's first circuit is missing{(snapshot.FromBlock > 0 ? $" (was the vault deployed before block {snapshot.FromBlock}?)" : "")}");
        VaultCircuit last = circuits[^1];
        var answered = snapshot.Read<BigInteger>(VaultAbi.Domain);
        if (answered != last.Domain.ToBigInteger())
            throw Fail(Check.Domain, $"the vault's domain is not that of chain {snapshot.ChainId}, vault {Eip55.Format(snapshot.Vault)} and circuit version {last.Version}", last.Domain.ToHex(), Text(answered));
        Require(snapshot, VaultAbi.Blocks, last.Profile.Blocks);
        Require(snapshot, VaultAbi.Rows, last.Profile.Rows);
        Require(snapshot, VaultAbi.Operations, last.Profile.Operations);
        Require(snapshot, VaultAbi.WordCount, last.Profile.DataWords);
        if (snapshot.Read<Address>(VaultAbi.Verifier) is var verifier && verifier != last.Verifier)
            throw Fail(Check.VerifyingKey, "the vault asks another verifier than its log names", Eip55.Format(last.Verifier), Eip55.Format(verifier));
        return circuits.ToImmutable();
    }

    /// <summary>By what a verifier's key is found among a snapshot's answers.</summary>
    internal static string KeyOf(Address verifier) => $"{VerifierAbi.VerifyingKey.Signature} {verifier}";

    private static VaultCircuit Read(VaultSnapshot snapshot, Log log, Pins pins)
    {
        object[] fields = Fields(log);
        var verifier = (Address)fields[0];
        (BigInteger blocks, BigInteger rows, BigInteger operations) = ((BigInteger)fields[1], (BigInteger)fields[2], (BigInteger)fields[3]);
        var version = (uint)(BigInteger)fields[4];
        CircuitProfile profile = CircuitProfile.All.FirstOrDefault(p => p.Blocks == blocks && p.Rows == rows && p.Operations == operations)
            ?? throw Fail(Check.Parameters, $"the capacities of circuit version {version} are those of no known profile",
                string.Join(" or ", CircuitProfile.All.Select(p => $"{p.Name} ({p.Blocks}, {p.Rows}, {p.Operations})")), $"blocks, rows, operations ({blocks}, {rows}, {operations})");

        byte[] words = [.. snapshot.Read<object[]>(VerifierAbi.VerifyingKey, KeyOf(verifier)).SelectMany(word => VaultContract.Word((BigInteger)word))];
        Bytes32 hash = Bytes32.FromBytes(Keccak.Hash256(words));
        if (!pins.KeyHashes.IsDefaultOrEmpty && !pins.KeyHashes.Contains(hash))
            throw Fail(Check.VerifyingKey, $"the verifier of circuit version {version} holds another key than the pinned ones", string.Join(" or ", pins.KeyHashes), hash);
        VerifyingKey key;
        try
        {
            key = VerifyingKey.FromEvmWords(words);
        }
        catch (InvalidKeyException e)
        {
            throw new CheckFailedException(Check.VerifyingKey, $"the key of the verifier of circuit version {version} must not be used: {e.Message}");
        }

        return key.PublicCount == PublicInputs
            ? new VaultCircuit(log, version, SettlementDomain.Of(snapshot.ChainId, snapshot.Vault, version), profile, verifier, key, hash)
            : throw Fail(Check.VerifyingKey, "the key is for another number of public inputs", PublicInputs, key.PublicCount);
    }

    private static object[] Fields(Log log) => (object[])VaultEvents.Decode(VaultAbi.CircuitChanged, log)[0];

    private static void Require(VaultSnapshot snapshot, AbiFunction view, int expected)
    {
        var answered = snapshot.Read<BigInteger>(view);
        if (answered != expected) throw Fail(Check.Parameters, $"the vault's {view.Name} are not those of the circuit that its log names", expected, answered);
    }

    private static string Text(BigInteger word) => Hex.Format(VaultContract.Word(word));

    private static CheckFailedException Fail(Check check, string problem, object expected, object found) => new(
        check, problem, null, Convert.ToString(expected, CultureInfo.InvariantCulture), Convert.ToString(found, CultureInfo.InvariantCulture));
}
