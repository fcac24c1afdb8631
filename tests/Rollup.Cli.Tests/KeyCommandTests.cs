using System.Text.Json.Nodes;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;
using Org.BouncyCastle.Math;
using Rollup.Client.Keys;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.TestSupport;

namespace Rollup.Cli.Tests;

public sealed class KeyCommandTests : IDisposable
{
    private const int Wallet = 3, Stranger = 4;
    private static readonly string Owner = Eip55.Format(AnvilProcess.Key(Wallet).Address);
    private static readonly string[] Place = ["--chain-id", "31337", "--vault", CliRun.Vault.ToString()];
    private readonly CliRun cli = new();

    public void Dispose() => cli.Dispose();

    [Fact]
    public async Task A_new_wallet_opens_with_its_password()
    {
        string password = cli.Secret("password", CliRun.Password + "\n");
        string address = (await cli.RunAsync("keys", "wallet", "--keystore", "w.json", "--password-file", password)).Succeeds().Trim();
        using EthereumKey key = Keystore.Load(cli.PathOf("w.json"), CliRun.Password);
        Assert.Equal(Eip55.Format(key.Address), address);
        (await cli.RunAsync("keys", "wallet", "--keystore", "w.json", "--password-file", password)).Fails("already exists");
    }

    [Fact]
    public async Task Derive_writes_the_keys_of_the_wallet()
    {
        cli.SaveWallet(Wallet);
        Assert.Empty((await DeriveAsync("--keystore", "wallet.json", "--password-file", "password")).Succeeds());
        Assert.Equal(Expected(), Derived());
        (await DeriveAsync("--keystore", "wallet.json", "--password-file", "password")).Fails("already exists");
    }

    [Fact]
    public async Task A_keystore_and_its_password_are_refused_for_their_own_reasons()
    {
        cli.SaveWallet(Wallet);
        cli.Secret("wrong", "another password\n");
        Outcome wrong = await DeriveAsync("--keystore", "wallet.json", "--password-file", "wrong");
        wrong.Fails("wallet.json: The password is wrong");
        Assert.DoesNotContain("another", wrong.Errors, StringComparison.Ordinal);
        (await DeriveAsync("--keystore", "wallet.json", "--password-file", "none")).Fails("--password-file: none cannot be read");
        (await DeriveAsync("--keystore", "wallet.json")).Fails("name a file with --password-file");
        (await DeriveAsync("--keystore", "none.json", "--password-file", "password")).Fails("none.json cannot be read");
        cli.Secret("broken.json", "{ \"version\": 3");
        (await DeriveAsync("--keystore", "broken.json", "--password-file", "password")).Fails("broken.json: This is not a valid version 3 keystore");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(cli.PathOf("password"), UnixFileMode.UserRead | UnixFileMode.GroupRead);
            (await DeriveAsync("--keystore", "wallet.json", "--password-file", "password")).Fails("run chmod 600 password");
            File.SetUnixFileMode(cli.PathOf("password"), UnixFileMode.UserRead);
        }

        Assert.False(File.Exists(cli.PathOf("key.json")));
        (await DeriveAsync("--keystore", "wallet.json", "--password-file", "password")).Succeeds();
    }

    [AnvilFact]
    public async Task A_wallet_elsewhere_signs_the_message_and_the_keys_are_the_same()
    {
        await using AnvilProcess anvil = await AnvilProcess.StartAsync();
        string[] place = ["--rpc", anvil.Endpoint.ToString(), "--vault", CliRun.Vault.ToString()]; // The endpoint says which chain.
        string message = (await cli.RunAsync(["keys", "message", "--owner", Owner, .. place])).Succeeds();
        Assert.Contains(KeyDerivation.Purpose, message, StringComparison.Ordinal);
        string signature = (await anvil.RpcAsync("eth_signTypedData_v4", Owner, JsonNode.Parse(message))).GetString()!;
        cli.Secret("signature", signature + "\n");
        Outcome outcome = await cli.RunAsync(["keys", "derive", "--signature", "signature", "--owner", Owner, "--out", "key.json", .. place]);
        Assert.Empty(outcome.Succeeds());
        Assert.Contains("with one signature nobody knows", outcome.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(signature[2..], outcome.Errors, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(Expected(), Derived());
    }

    [Fact]
    public async Task The_digest_can_be_signed_and_the_signature_piped_in()
    {
        string digest = (await cli.RunAsync(["keys", "message", "--digest", "--owner", Owner, .. Place])).Succeeds().Trim();
        Assert.Equal(Hex.Format(KeyDerivation.Digest(AnvilProcess.ChainId, CliRun.Vault, AnvilProcess.Key(Wallet).Address)), digest);
        using EthereumKey key = AnvilProcess.Key(Wallet);
        string signature = Hex.Format(key.Sign(Hex.Parse(digest)).ToBytes());
        Assert.Empty((await DeriveFromAsync(signature, ["--signature", "-", "--owner", Owner])).Succeeds());
        Assert.Equal(Expected(), Derived());
    }

    [Fact]
    public async Task Two_signatures_tell_whether_the_wallet_would_sign_the_same_again()
    {
        byte[] digest = KeyDerivation.Digest(AnvilProcess.ChainId, CliRun.Vault, AnvilProcess.Key(Wallet).Address);
        cli.Secret("first", SignatureOf(Wallet));
        cli.Secret("again", SignatureOf(Wallet));
        cli.Secret("random", Hex.Format(SignWithRandomNonce(Wallet, digest)));
        string[] owner = ["--owner", Owner];
        (await DeriveAsync(["--signature", "first", "--signature", "random", .. owner])).Fails("does not sign deterministically");
        Assert.False(File.Exists(cli.PathOf("key.json")));
        Outcome same = await DeriveAsync(["--signature", "first", "--signature", "again", .. owner]);
        Assert.Empty(same.Succeeds() + same.Errors);
        Assert.Equal(Expected(), Derived());
        // The random one alone is a signature as good as any.
        File.Delete(cli.PathOf("key.json"));
        (await DeriveAsync(["--signature", "random", .. owner])).Succeeds();
        Assert.NotEqual(Expected(), Derived());
    }

    [Fact]
    public async Task A_signature_is_refused_for_its_own_reason_and_not_shown()
    {
        string signature = SignatureOf(Wallet);
        cli.Secret("signature", signature);
        string stranger = Eip55.Format(AnvilProcess.Key(Stranger).Address);
        await RefuseAsync($"not of {stranger} over", "signature", stranger);
        cli.Secret("strangers", SignatureOf(Stranger));
        await RefuseAsync($"not of {Owner} over", "strangers", Owner);
        await RefuseAsync("--signature: none cannot be read", "none", Owner);
        cli.Secret("short", signature[..^2]);
        await RefuseAsync("--signature short: a signature is 0x and 130 hexadecimal digits", "short", Owner);
        cli.Secret("letters", signature[..^2] + "zz");
        await RefuseAsync("--signature letters: a signature is 0x and 130 hexadecimal digits", "letters", Owner);
        cli.Secret("v", signature[..^2] + "05");
        await RefuseAsync("v = 0, 1, 27 or 28, got 5", "v", Owner);
        cli.Secret("long", new string(' ', 1025));
        await RefuseAsync("--signature: long has more than 1024 bytes", "long", Owner);
        (await DeriveAsync("--signature", "-", "--owner", Owner)).Fails("--signature -: a signature is");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(cli.PathOf("signature"), UnixFileMode.UserRead | UnixFileMode.OtherRead);
            await RefuseAsync("run chmod 600 signature", "signature", Owner);
            File.SetUnixFileMode(cli.PathOf("signature"), UnixFileMode.UserRead);
        }

        Assert.False(File.Exists(cli.PathOf("key.json")));
        (await DeriveAsync("--signature", "signature", "--owner", Owner)).Succeeds();

        async Task RefuseAsync(string reason, string file, string owner)
        {
            Outcome outcome = await DeriveAsync("--signature", file, "--owner", owner);
            outcome.Fails(reason);
            Assert.DoesNotContain(signature[10..40], outcome.Errors, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("Parameter", outcome.Errors, StringComparison.Ordinal);
        }
    }

    private static string SignatureOf(int wallet)
    {
        using EthereumKey key = AnvilProcess.Key(wallet);
        return Hex.Format(key.Sign(KeyDerivation.Digest(AnvilProcess.ChainId, CliRun.Vault, key.Address)).ToBytes());
    }

    private static byte[] SignWithRandomNonce(int wallet, byte[] digest)
    {
        using EthereumKey key = AnvilProcess.Key(wallet);
        Org.BouncyCastle.Asn1.X9.X9ECParameters curve = Org.BouncyCastle.Crypto.EC.CustomNamedCurves.GetByName("secp256k1");
        var signer = new ECDsaSigner();
        signer.Init(true, new ECPrivateKeyParameters(new BigInteger(1, key.ExportSecret()), new ECDomainParameters(curve.Curve, curve.G, curve.N, curve.H)));
        BigInteger[] rs = signer.GenerateSignature(digest);
        if (rs[1].CompareTo(curve.N.ShiftRight(1)) > 0) rs[1] = curve.N.Subtract(rs[1]);
        byte[] signature = [.. Word(rs[0]), .. Word(rs[1]), 27];
        if (!Secp256k1.TryRecover(digest, EcdsaSignature.FromBytes(signature), out Address signed) || signed != key.Address) signature[64] = 28;
        return signature;

        static byte[] Word(BigInteger value) => [.. new byte[32 - value.ToByteArrayUnsigned().Length], .. value.ToByteArrayUnsigned()];
    }

    private Task<Outcome> DeriveAsync(params string[] arguments) => DeriveFromAsync("", arguments);

    private Task<Outcome> DeriveFromAsync(string input, string[] arguments) => cli.RunAsync(input, ["keys", "derive", "--out", "key.json", .. Place, .. arguments]);

    private (Address, EddsaPublicKey, Fr) Derived()
    {
        using TraderKeys keys = TraderKeys.Load(cli.PathOf("key.json"));
        return (keys.Owner, keys.SigningKey.PublicKey, keys.ViewKey);
    }

    private static (Address, EddsaPublicKey, Fr) Expected()
    {
        using TraderKeys keys = TraderKeys.Derive(AnvilProcess.Key(Wallet), AnvilProcess.ChainId, CliRun.Vault);
        return (keys.Owner, keys.SigningKey.PublicKey, keys.ViewKey);
    }
}
