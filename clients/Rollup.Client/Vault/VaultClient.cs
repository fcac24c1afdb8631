using System.Numerics;
using Rollup.Client.Keys;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;

namespace Rollup.Client.Vault;

/// <summary>The vault's token for an asset; a lot (of cash: an atom) is <paramref name="UnitsPerLot"/> token units.</summary>
public sealed record VaultAsset(Address Token, BigInteger UnitsPerLot);

/// <summary>What a trader does on the chain: registers, deposits, asks for what the operator withholds, claims. Amounts are atoms of cash (asset 0) or lots.</summary>
public sealed class VaultClient(IEthereum ethereum, Address vault)
{
    public Address Address => vault;

    /// <summary>Registers an account for the wallet, with a first deposit of cash. Disclose the view key to the operator before.</summary>
    /// <returns>The account's number. It exists once its batch is executed, and takes deposits once it is final.</returns>
    public async Task<int> RegisterAsync(Wallet wallet, TraderKeys keys, long cash, CancellationToken cancellation = default)
    {
        if (wallet.Address != keys.Owner) throw new ArgumentException($"The keys are of {Eip55.Format(keys.Owner)}, and the wallet is {Eip55.Format(wallet.Address)}.", nameof(keys));
        await ApproveAsync(wallet, 0, cash, cancellation);
        TransactionReceipt receipt = await wallet.SendAsync(vault, VaultAbi.Register,
            [keys.SigningKey.PublicKey.X.ToBigInteger(), keys.SigningKey.PublicKey.Y.ToBigInteger(), keys.ViewKeyHash.ToBigInteger(), (BigInteger)cash], cancellation: cancellation);
        Log log = receipt.Logs.FirstOrDefault(l => l.Address == vault && VaultAbi.OperationQueued.Matches(l))
            ?? throw new EthereumProtocolException($"Transaction {receipt.TransactionHash} queued no operation; is {Eip55.Format(vault)} the vault?");
        var words = (object[])VaultAbi.OperationQueued.Decode(log)[2];
        var reader = new WordReader(Fr.FromBigInteger((BigInteger)words[0]));
        reader.ReadInt(Width.OperationKind);
        return reader.ReadInt(Width.Account);
    }

    /// <summary>Deposits into an account whose registration is final.</summary>
    public async Task DepositAsync(Wallet wallet, int account, int asset, long amount, CancellationToken cancellation = default)
    {
        await ApproveAsync(wallet, asset, amount, cancellation);
        await wallet.SendAsync(vault, VaultAbi.Deposit, [(BigInteger)account, (BigInteger)asset, (BigInteger)amount], cancellation: cancellation);
    }

    /// <summary>
    /// Asks on the chain to withdraw from the wallet's account: a batch has to serve it, as far as the account allows, or anyone may freeze the vault (spec 5.9).
    /// The vault holds its request deposit until then.
    /// </summary>
    public async Task RequestWithdrawalAsync(Wallet wallet, int account, int asset, long amount, CancellationToken cancellation = default)
    {
        await ApproveRequestAsync(wallet, cancellation);
        await wallet.SendAsync(vault, VaultAbi.RequestWithdrawal, [(BigInteger)account, (BigInteger)asset, (BigInteger)amount], cancellation: cancellation);
    }

    /// <summary>Asks on the chain to close all derivatives of the wallet's account, within the price bounds; as <see cref="RequestWithdrawalAsync"/>.</summary>
    public async Task RequestCloseAsync(Wallet wallet, int account, CancellationToken cancellation = default)
    {
        await ApproveRequestAsync(wallet, cancellation);
        await wallet.SendAsync(vault, VaultAbi.RequestClose, [(BigInteger)account], cancellation: cancellation);
    }

    /// <summary>Has the vault pay out what is credited to an owner; anyone may.</summary>
    public async Task ClaimAsync(Wallet wallet, Address owner, int asset, CancellationToken cancellation = default)
    {
        // Where no contract is a transaction would succeed and do nothing; a question fails.
        await CreditsAsync(owner, asset, cancellation);
        await wallet.SendAsync(vault, VaultAbi.Claim, [owner, (BigInteger)asset], cancellation: cancellation);
    }

    /// <summary>What <see cref="ClaimAsync"/> would pay.</summary>
    public async Task<BigInteger> CreditsAsync(Address owner, int asset, CancellationToken cancellation = default) =>
        (BigInteger)(await ethereum.CallAsync(vault, VaultAbi.Credits, [owner, (BigInteger)asset], cancellation: cancellation))[0];

    /// <summary>Whether the account takes deposits.</summary>
    public async Task<bool> IsActiveAsync(int account, CancellationToken cancellation = default) =>
        (bool)(await ethereum.CallAsync(vault, VaultAbi.IsActive, [(BigInteger)account], cancellation: cancellation))[0];

    /// <summary>The token of an asset; null if it is not listed.</summary>
    public async Task<VaultAsset?> AssetAsync(int asset, CancellationToken cancellation = default)
    {
        var values = (object[])(await ethereum.CallAsync(vault, VaultAbi.Assets, [(BigInteger)asset], cancellation: cancellation))[0];
        return ((Address)values[0]).IsZero ? null : new VaultAsset((Address)values[0], (BigInteger)values[1]);
    }

    /// <summary>An owner's tokens of an asset, in token units.</summary>
    public async Task<BigInteger> BalanceAsync(Address owner, int asset, CancellationToken cancellation = default)
    {
        VaultAsset listed = await ListedAsync(asset, cancellation);
        return (BigInteger)(await ethereum.CallAsync(listed.Token, TokenAbi.BalanceOf, [owner], cancellation: cancellation))[0];
    }

    private async Task ApproveRequestAsync(Wallet wallet, CancellationToken cancellation) =>
        await ApproveAsync(wallet, 0, (long)(BigInteger)(await ethereum.CallAsync(vault, VaultAbi.RequestDeposit, [], cancellation: cancellation))[0], cancellation);

    private async Task ApproveAsync(Wallet wallet, int asset, long amount, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(amount);
        if (amount == 0) return;
        VaultAsset listed = await ListedAsync(asset, cancellation);
        BigInteger units = amount * listed.UnitsPerLot;
        var allowed = (BigInteger)(await ethereum.CallAsync(listed.Token, TokenAbi.Allowance, [wallet.Address, vault], cancellation: cancellation))[0];
        if (allowed < units) await wallet.SendAsync(listed.Token, TokenAbi.Approve, [vault, units], cancellation: cancellation);
    }

    private async Task<VaultAsset> ListedAsync(int asset, CancellationToken cancellation) =>
        await AssetAsync(asset, cancellation) ?? throw new ArgumentException($"The vault lists no asset {asset}.", nameof(asset));
}
