using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Protocol;
using Rollup.StateVerifier.Chain;

namespace Rollup.StateVerifier.Exits;

/// <summary>
/// All that anybody needs to register an exit, and later to have it paid, in one file. It holds no secret: what it says is published when it is sent, and it pays the owner
/// whoever sends it.
/// </summary>
/// <param name="Version">Which of the vault's exit circuits the proof is of.</param>
/// <param name="PublicInputs">Nine (spec 8.1).</param>
public sealed record ExitBundle(ulong ChainId, Address Vault, uint Version, Proof Proof, ImmutableArray<Fr> PublicInputs)
{
    /// <summary>Public inputs of the circuit <c>exit</c>.</summary>
    public const int InputCount = 9;

    private const string Format = "rollup-exit-1";
    private const int MaxBytes = 16 << 10;

    private static readonly JsonSerializerOptions Options = new(JsonSerializerOptions.Strict) { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true, NewLine = "\n" };

    public int Account => (int)(uint)(PublicInputs[2].ToBigInteger() & ((1 << Width.Account) - 1));

    public Fr Root => PublicInputs[0];

    public Fr RiskRoot => PublicInputs[1];

    /// <summary>The call that registers the exit.</summary>
    public byte[] Register() => ExitsAbi.RegisterExit.Encode(Version, VerifierAbi.Proof(Proof.ToEvmWords()), Words(PublicInputs));

    /// <summary>The call that has it paid.</summary>
    public byte[] Pay() => ExitsAbi.PayExit.Encode([Words(PublicInputs[2..])]);

    /// <summary>Writes a new file.</summary>
    /// <exception cref="IOException">It exists, or cannot be written.</exception>
    public void Save(string path)
    {
        using var stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        JsonSerializer.Serialize(stream, new Text(Format, ChainId.ToString(CultureInfo.InvariantCulture), Vault.ToString(), Version, Hex.Format(Proof.ToEvmWords()), [.. PublicInputs.Select(p => p.ToString())]), Options);
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="NoExitException">It is missing, too long, or no such file.</exception>
    public static ExitBundle Load(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            if (stream.Length > MaxBytes) throw new FormatException($"it has more than {MaxBytes} bytes");
            Text text = JsonSerializer.Deserialize<Text>(stream, Options) ?? throw new FormatException("it is null");
            if (text.Format != Format) throw new FormatException($"its format is '{text.Format}', not '{Format}'");
            byte[] words = Hex.Parse(text.Proof);
            if (words.Length != Proof.EvmLength || !Proof.TryFromEvmWords(words, out Proof? proof)) throw new FormatException("its proof is none");
            if (text.PublicInputs.Length != InputCount) throw new FormatException($"it has {text.PublicInputs.Length} public inputs, not {InputCount}");
            return new ExitBundle(ulong.Parse(text.ChainId, NumberStyles.None, CultureInfo.InvariantCulture), Address.Parse(text.Vault), text.Version, proof!, [.. text.PublicInputs.Select(Fr.Parse)]);
        }
        catch (Exception error) when (error is FormatException or JsonException or OverflowException or IOException or UnauthorizedAccessException)
        {
            throw new NoExitException($"{path} is no exit that was prepared: {error.Message}", error);
        }
    }

    private static object[] Words(ImmutableArray<Fr> elements) => [.. elements.Select(e => (object)e.ToBigInteger())];

    private sealed record Text(
        [property: JsonRequired] string Format, [property: JsonRequired] string ChainId, [property: JsonRequired] string Vault, [property: JsonRequired] uint Version,
        [property: JsonRequired] string Proof, [property: JsonRequired] string[] PublicInputs);
}
