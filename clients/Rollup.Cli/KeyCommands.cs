using System.CommandLine;
using System.Security.Cryptography;
using Rollup.Client.Keys;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Protocol;

namespace Rollup.Cli;

/// <summary>`rollup keys`: wallets, the trading keys that follow from them, and whether to trust a proving key. No secret is ever an argument.</summary>
internal static class KeyCommands
{
    private const string StandardInput = "-";
    private const int MaxSignatureText = 1024;

    private static readonly Option<ulong?> ChainId = new("--chain-id") { Description = "Chain number; without it the endpoint is asked." };

    internal static Command Build() => Commands.Group("keys", "Wallets and trading keys; the check of a proving key.", WalletCommand(), MessageCommand(), DeriveCommand(), CheckCommand());

    private static Command WalletCommand() => Commands.Make("wallet", "Make an encrypted wallet file.", [Commands.Keystore, Commands.PasswordFile], (p, _) =>
    {
        using EthereumKey key = Wallets.Create(p.GetRequiredValue(Commands.Keystore), p.GetValue(Commands.PasswordFile), isLight: false);
        Console.WriteLine(Eip55.Format(key.Address));
        return Task.CompletedTask;
    });

    private static Command MessageCommand()
    {
        Option<Address> owner = Commands.AddressOption("--owner", "Address of the wallet that signs and owns the account.", isRequired: true);
        var digest = new Option<bool>("--digest") { Description = "Print the 32-byte digest instead, for a wallet that signs only those." };
        return Commands.Make("message",
            "Print the EIP-712 typed data (eth_signTypedData_v4) that the owner's wallet signs, wherever it is, for `keys derive --signature`. Whoever holds that signature holds the keys.",
            [Commands.Rpc, ChainId, Commands.Vault, owner, digest], async (p, c) =>
            {
                (ulong chainId, Address vault, Address signer) = (await ChainIdOf(p, c), p.GetValue(Commands.Vault), p.GetValue(owner));
                Console.WriteLine(p.GetValue(digest) ? Hex.Format(KeyDerivation.Digest(chainId, vault, signer)) : KeyDerivation.TypedData(chainId, vault, signer));
            });
    }

    private static Command DeriveCommand()
    {
        var keystore = new Option<string?>("--keystore") { Description = "Encrypted wallet file, to sign with here." };
        var signatures = new Option<string[]>("--signature")
        {
            Description = "File with the wallet's signature of `keys message`, 0x and 130 hexadecimal digits, or - for standard input; instead of --keystore. "
                + "Give two signatures of the same message to learn whether the wallet will give the same keys again.",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<Address> owner = Commands.AddressOption("--owner", "Address of the wallet that signed; with --signature.");
        var output = new Option<string>("--out") { Description = "The key file to write.", Required = true };
        Command command = Commands.Make("derive", "Derive the trading and view keys of a wallet for a vault, from the wallet file or from a signature that the wallet made elsewhere.",
            [Commands.Rpc, ChainId, Commands.Vault, keystore, Commands.PasswordFile, signatures, owner, output], async (p, c) =>
            {
                ulong chainId = await ChainIdOf(p, c);
                using TraderKeys keys = p.GetValue(keystore) is { } file ? OfKeystore(file, p.GetValue(Commands.PasswordFile), chainId, p.GetValue(Commands.Vault))
                    : OfSignatures(p.GetValue(signatures)!, p.GetValue(owner), chainId, p.GetValue(Commands.Vault));
                keys.Save(p.GetRequiredValue(output));
            });
        command.Validators.Add(result =>
        {
            bool hasKeystore = result.GetResult(keystore) is not null, hasSignature = result.GetResult(signatures) is not null;
            if (hasKeystore == hasSignature) result.AddError("Give either --keystore, or --signature with --owner.");
            else if (hasSignature != result.GetResult(owner) is not null) result.AddError("--signature and --owner belong together.");
        });
        return command;
    }

    private static Command CheckCommand()
    {
        var zkey = new Option<string>("--zkey") { Description = "The proving key.", Required = true };
        var r1cs = new Option<string?>("--r1cs") { Description = "The circuit that it should be for." };
        var verificationKey = new Option<string?>("--verification-key") { Description = "The verification_key.json that should be its own." };
        var chainId = new Option<ulong?>("--chain-id") { Description = "The chain that it is for. Development keys are for local ones (31337, 1337); without it they are refused." };
        return Commands.Make("check", "Check whether a proving key may be trusted; lists every fault. Exit code 1 if there is one.", [zkey, r1cs, verificationKey, chainId], (p, c) => Task.Run(() =>
        {
            KeyReport report = KeyChecker.Check(p.GetRequiredValue(zkey), p.GetValue(r1cs), p.GetValue(verificationKey),
                p.GetValue(chainId) is { } chain && DevKeys.IsLocalChain(chain), Environment.ProcessorCount, c);
            if (report.Info is { } info) Show(info, report.CircuitComparison);
            if (report.Findings.Count > 0) throw new CliException(string.Join("\nrollup: ", report.Findings.Select(f => $"{f.Fault}: {f.Detail}")));
            Console.WriteLine("no fault found");
        }, c));
    }

    private static void Show(ZkeyInfo info, string circuitComparison)
    {
        Console.WriteLine($"file SHA-256 {Convert.ToHexStringLower(info.FileHash.Span)}");
        Console.WriteLine($"circuit hash {Convert.ToHexStringLower(info.CircuitHash.Span)}");
        Console.WriteLine($"{info.ConstraintCount} constraints, {info.WireCount} wires, {info.PublicCount} public inputs, domain of {info.DomainSize}{(info.IsDevelopment ? ", development key" : "")}");
        foreach (ZkeyContribution contribution in info.Contributions)
            Console.WriteLine($"{(contribution.IsBeacon ? "beacon" : "contribution")} {Printable(contribution.Name)}");
        Console.WriteLine($"compared with the circuit: {(circuitComparison.Length > 0 ? circuitComparison : "nothing; name it with --r1cs")}");
    }

    // Names are the contributors' own: no control characters on the terminal.
    private static string Printable(string name) => new([.. name.Select(c => char.IsControl(c) ? '?' : c)]);

    private static async Task<ulong> ChainIdOf(ParseResult p, CancellationToken cancellation)
    {
        if (p.GetValue(ChainId) is { } given) return given;
        using var ethereum = new EthereumClient(p.GetRequiredValue(Commands.Rpc));
        return await ethereum.GetChainIdAsync(cancellation);
    }

    private static TraderKeys OfKeystore(string keystore, string? passwordFile, ulong chainId, Address vault)
    {
        using EthereumKey key = Wallets.Load(keystore, passwordFile);
        return TraderKeys.Derive(key, chainId, vault);
    }

    private static TraderKeys OfSignatures(string[] sources, Address owner, ulong chainId, Address vault)
    {
        TraderKeys keys = OfSignature(sources[0], owner, chainId, vault);
        foreach (string source in sources.Skip(1))
        {
            using TraderKeys again = OfSignature(source, owner, chainId, vault);
            if (again.SigningKey.PublicKey == keys.SigningKey.PublicKey && again.ViewKey == keys.ViewKey) continue;
            keys.Dispose();
            throw new CliException("The signatures are both right and not the same: this wallet does not sign deterministically, and a lost key file could not be made again. Use another wallet.");
        }

        if (sources.Length == 1)
            Console.Error.WriteLine("rollup: with one signature nobody knows whether the wallet would sign the same again; if not, a lost key file is lost for good. Two --signature tell.");
        return keys;
    }

    private static TraderKeys OfSignature(string source, Address owner, ulong chainId, Address vault)
    {
        TraderKeys Parse(ReadOnlySpan<byte> text)
        {
            Span<byte> signature = stackalloc byte[KeyDerivation.SignatureLength];
            try
            {
                text = text.Trim(" \t\r\n"u8);
                if (text.Length != 2 + 2 * signature.Length || !text.StartsWith("0x"u8) || Convert.FromHexString(text[2..], signature, out _, out _) != System.Buffers.OperationStatus.Done)
                    throw new CliException($"--signature {source}: a signature is 0x and {2 * signature.Length} hexadecimal digits.");
                return TraderKeys.FromSignature(signature, owner, chainId, vault);
            }
            finally
            {
                CryptographicOperations.ZeroMemory(signature);
            }
        }

        try
        {
            if (source != StandardInput) return SecretFile.Read(source, MaxSignatureText, Parse);
            using Stream input = Console.OpenStandardInput();
            return SecretFile.Read(input, "standard input", MaxSignatureText, Parse);
        }
        catch (SecretFileException error)
        {
            throw new CliException($"--signature: {error.Message}.", error);
        }
    }
}
