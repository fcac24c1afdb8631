using System.Numerics;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Protocol;
using Rollup.StateVerifier.Proving;

namespace Rollup.StateVerifier.Exits;

/// <summary>Where an account stands with the contract of exits.</summary>
public enum ExitStatus
{
    Open,
    Registered,
    Paid,
}

/// <summary>The contract by which a frozen vault is left.</summary>
public sealed class ExitContract
{
    // A version comes with an upgrade, which takes weeks; the scan ends at the first that is not there.
    private const uint MostVersions = 256;

    private readonly IEthereum ethereum;
    private readonly Address vault, address;

    private ExitContract(IEthereum ethereum, Address vault, Address address) => (this.ethereum, this.vault, this.address) = (ethereum, vault, address);

    /// <summary>The contract that the vault names.</summary>
    /// <exception cref="NoExitException">The vault is not frozen, or has none.</exception>
    public static async Task<ExitContract> FindAsync(IEthereum ethereum, Address vault, CancellationToken cancellation)
    {
        if (!(bool)(await ethereum.CallAsync(vault, VaultAbi.Frozen, [], cancellation: cancellation))[0])
            throw new NoExitException("The vault is not frozen: withdraw through the sequencer, or request a withdrawal from the vault.");
        var address = (Address)(await ethereum.CallAsync(vault, VaultAbi.Exits, [], cancellation: cancellation))[0];
        return address == default ? throw new NoExitException("The vault has no contract of exits.") : new ExitContract(ethereum, vault, address);
    }

    /// <summary>The verifying keys by version.</summary>
    /// <exception cref="NoExitException">A verifier has no usable key.</exception>
    public async Task<IReadOnlyList<VerifyingKey>> KeysAsync(CancellationToken cancellation)
    {
        var keys = new List<VerifyingKey>();
        for (uint version = 0; version < MostVersions; version++)
        {
            if (await VerifierAsync(version, cancellation) is not { } verifier || verifier == default) break;
            try
            {
                keys.Add(await CircuitProver.KeyOfAsync(ethereum, verifier, cancellation));
            }
            catch (InvalidKeyException error)
            {
                throw new NoExitException($"The exit verifier {Eip55.Format(verifier)} has no usable key: {error.Message}", error);
            }
        }

        return keys;
    }

    /// <summary>Which of the vault's exit circuits a proving key is of.</summary>
    /// <exception cref="NoExitException">None, or the file is no key.</exception>
    public async Task<(uint Version, VerifyingKey Key)> VersionOfAsync(string provingKey, CancellationToken cancellation)
    {
        VerifyingKey key;
        try
        {
            using Zkey zkey = Zkey.Open(provingKey);
            key = zkey.VerifyingKey;
        }
        catch (Exception error) when (error is BinaryFormatException or InvalidKeyException)
        {
            throw new NoExitException($"{provingKey} is no proving key: {error.Message}", error);
        }

        IReadOnlyList<VerifyingKey> keys = await KeysAsync(cancellation);
        int version = keys.ToList().IndexOf(key);
        return version >= 0 ? ((uint)version, key) : throw new NoExitException($"{provingKey} is not the key of any of the vault's {keys.Count} exit verifiers.");
    }

    /// <summary>Where an account stands.</summary>
    public async Task<ExitStatus> StatusAsync(int account, CancellationToken cancellation)
    {
        var hash = new BigInteger((byte[])(await ethereum.CallAsync(address, ExitsAbi.Registered, [account], cancellation: cancellation))[0], isUnsigned: true, isBigEndian: true);
        return hash.IsZero ? ExitStatus.Open : hash.IsOne ? ExitStatus.Paid : ExitStatus.Registered;
    }

    /// <summary>Unix seconds until which registrations share alike.</summary>
    public async Task<ulong> WindowEndAsync(CancellationToken cancellation) =>
        (ulong)(BigInteger)(await ethereum.CallAsync(address, ExitsAbi.WindowEnd, [], cancellation: cancellation))[0];

    /// <summary>Makes sure that a prepared exit is of this vault as it stands, and that its proof holds.</summary>
    /// <exception cref="NoExitException">It is not; the message says why.</exception>
    public async Task CheckAsync(ExitBundle bundle, CancellationToken cancellation)
    {
        ulong chain = await ethereum.GetChainIdAsync(cancellation);
        if (bundle.ChainId != chain || bundle.Vault != vault)
            throw new NoExitException($"The exit is of vault {Eip55.Format(bundle.Vault)} on chain {bundle.ChainId}, not of {Eip55.Format(vault)} on chain {chain}.");
        IReadOnlyList<VerifyingKey> keys = await KeysAsync(cancellation);
        if (bundle.Version >= keys.Count) throw new NoExitException($"The exit is for version {bundle.Version} of the circuit; the vault has {keys.Count}.");
        BigInteger last = (BigInteger)(await ethereum.CallAsync(vault, VaultAbi.LastFinal, [], cancellation: cancellation))[0];
        var record = (object[])(await ethereum.CallAsync(vault, VaultAbi.Batches, [last], cancellation: cancellation))[0];
        if ((BigInteger)record[0] != bundle.Root.ToBigInteger() || (BigInteger)record[1] != bundle.RiskRoot.ToBigInteger())
            throw new NoExitException($"The exit was prepared for other roots than those of batch {last}, the last final one: prepare it anew.");
        if (new Groth16Verifier(keys[(int)bundle.Version]).Verify(bundle.Proof, bundle.PublicInputs.AsSpan()) is { IsValid: false } refused)
            throw new NoExitException($"The proof of the exit does not hold: {refused.Failure}, {refused.Detail}");
    }

    /// <summary>Sends a call and waits for its inclusion.</summary>
    /// <exception cref="NoExitException">The contract refuses it.</exception>
    public async Task<TransactionReceipt> SendAsync(Wallet wallet, byte[] call, CancellationToken cancellation)
    {
        try
        {
            return await wallet.SendAsync(address, call, cancellation: cancellation);
        }
        catch (EthereumRpcException error) when (error.Revert is { } revert)
        {
            throw new NoExitException($"The contract of exits refuses: {Describe(revert)}", error);
        }
        catch (TransactionRevertedException error)
        {
            throw new NoExitException($"{error.Message} {(error.Revert is { } revert ? Describe(revert) : "")}", error);
        }
    }

    private async Task<Address?> VerifierAsync(uint version, CancellationToken cancellation)
    {
        try
        {
            return (Address)(await ethereum.CallAsync(address, ExitsAbi.Verifiers, [version], cancellation: cancellation))[0];
        }
        catch (EthereumRpcException error) when (error.Revert is not null)
        {
            return null; // Beyond the last one.
        }
    }

    private static string Describe(RevertData revert) => VaultAbi.Describe(revert, ExitsAbi.Errors);
}
