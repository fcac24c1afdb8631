using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Rollup.Crypto;
using Rollup.Groth16.Curve;

namespace Rollup.Groth16.Formats;

/// <summary>
/// snarkjs's verification_key.json, proof.json and public.json. Numbers are decimal strings below their field's order, without
/// leading zeros; points are [x, y, "1"], infinity is ["0", "1", "0"].
/// </summary>
public static class SnarkJson
{
    /// <summary>Longest document accepted, in bytes.</summary>
    public const int MaxLength = 1 << 20;

    /// <summary>Reads verification_key.json.</summary>
    /// <param name="utf8">The document.</param>
    /// <param name="name">Its name in errors.</param>
    /// <exception cref="BinaryFormatException">Not such a document.</exception>
    /// <exception cref="InvalidKeyException">Well formed, but not a usable key.</exception>
    public static VerifyingKey ReadVerifyingKey(ReadOnlyMemory<byte> utf8, string name)
    {
        using var document = Parse(utf8, name);
        var root = new Node(document.RootElement, name, "$");
        RequireGroth16(root);
        var ic = root["IC"].Items(1, VerifyingKey.MaxPublicInputs + 1);
        var publicCount = root["nPublic"];
        if (publicCount.Element.ValueKind != JsonValueKind.Number || !publicCount.Element.TryGetInt32(out var count) || count != ic.Length - 1)
            throw publicCount.Error($"must be the number of IC points less one, {ic.Length - 1}");
        var (alpha, beta, gamma, delta) = (root["vk_alpha_1"].G1(), root["vk_beta_2"].G2(), root["vk_gamma_2"].G2(), root["vk_delta_2"].G2());
        var points = Array.ConvertAll(ic, item => item.G1());
        try
        {
            return new VerifyingKey(alpha, beta, gamma, delta, points);
        }
        catch (InvalidKeyException error)
        {
            throw new InvalidKeyException($"{name}: {error.Message}");
        }
    }

    /// <summary>Reads proof.json. Its points may lie off their curves: that is the verifier's to judge.</summary>
    /// <exception cref="BinaryFormatException">Not such a document.</exception>
    public static Proof ReadProof(ReadOnlyMemory<byte> utf8, string name)
    {
        using var document = Parse(utf8, name);
        var root = new Node(document.RootElement, name, "$");
        RequireGroth16(root);
        return new Proof(root["pi_a"].G1(), root["pi_b"].G2(), root["pi_c"].G1());
    }

    /// <summary>Reads public.json: an array of numbers below r.</summary>
    /// <exception cref="BinaryFormatException">Not such a document.</exception>
    public static Fr[] ReadPublicInputs(ReadOnlyMemory<byte> utf8, string name)
    {
        using var document = Parse(utf8, name);
        return Array.ConvertAll(new Node(document.RootElement, name, "$").Items(0, VerifyingKey.MaxPublicInputs), item => item.Number<Bn254Scalar>());
    }

    /// <summary>Reads a file for one of the methods above, but none longer than <see cref="MaxLength"/>.</summary>
    /// <exception cref="BinaryFormatException">The file is too long.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static byte[] ReadFile(string path)
    {
        using var stream = File.OpenRead(path);
        var content = new byte[MaxLength + 1];
        var length = stream.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
        return length <= MaxLength ? content[..length] : throw TooLong(path, stream.CanSeek ? stream.Length : length);
    }

    /// <summary>Writes verification_key.json.</summary>
    public static byte[] Write(VerifyingKey key) => Write(writer =>
    {
        writer.WriteStartObject();
        WriteProtocol(writer);
        writer.WriteNumber("nPublic", key.PublicCount);
        WritePoint(writer, "vk_alpha_1", key.Alpha1);
        WritePoint(writer, "vk_beta_2", key.Beta2);
        WritePoint(writer, "vk_gamma_2", key.Gamma2);
        WritePoint(writer, "vk_delta_2", key.Delta2);
        writer.WriteStartArray("vk_alphabeta_12");
        foreach (var half in Pairing.Compute(key.Alpha1, key.Beta2).ToCoefficients())
        {
            writer.WriteStartArray();
            foreach (var coefficient in half)
                WriteElement(writer, coefficient);
            writer.WriteEndArray();
        }
        writer.WriteEndArray();
        writer.WriteStartArray("IC");
        foreach (ref readonly var point in key.Ic)
            WritePoint(writer, null, point);
        writer.WriteEndArray();
        writer.WriteEndObject();
    });

    /// <summary>Writes proof.json.</summary>
    public static byte[] Write(Proof proof) => Write(writer =>
    {
        writer.WriteStartObject();
        WritePoint(writer, "pi_a", proof.A);
        WritePoint(writer, "pi_b", proof.B);
        WritePoint(writer, "pi_c", proof.C);
        WriteProtocol(writer);
        writer.WriteEndObject();
    });

    /// <summary>Writes public.json.</summary>
    public static byte[] Write(IEnumerable<Fr> publicInputs) => Write(writer =>
    {
        writer.WriteStartArray();
        foreach (var input in publicInputs)
            writer.WriteStringValue(input.ToString());
        writer.WriteEndArray();
    });

    private static JsonDocument Parse(ReadOnlyMemory<byte> utf8, string name)
    {
        if (utf8.Length > MaxLength)
            throw TooLong(name, utf8.Length);
        try
        {
            return JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
        }
        // The search for duplicate names decodes them, and a broken escape in one is not a JsonException.
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new BinaryFormatException(name, null, 0, $"not valid JSON: {error.Message}", error);
        }
    }

    private static BinaryFormatException TooLong(string name, long length) =>
        new(name, null, MaxLength, $"the document has {length} bytes; at most {MaxLength} are accepted");

    private static void RequireGroth16(in Node root)
    {
        root["protocol"].Require("groth16");
        root["curve"].Require("bn128");
    }

    private static void WriteProtocol(Utf8JsonWriter writer)
    {
        writer.WriteString("protocol", "groth16");
        writer.WriteString("curve", "bn128");
    }

    private static byte[] Write(Action<Utf8JsonWriter> content)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
            content(writer);
        return [.. buffer.WrittenSpan, (byte)'\n'];
    }

    private static void WritePoint(Utf8JsonWriter writer, string? name, in G1Point point)
    {
        if (name is not null)
            writer.WritePropertyName(name);
        writer.WriteStartArray();
        writer.WriteStringValue(point.X.ToString());
        writer.WriteStringValue(point.IsInfinity ? "1" : point.Y.ToString());
        writer.WriteStringValue(point.IsInfinity ? "0" : "1");
        writer.WriteEndArray();
    }

    private static void WritePoint(Utf8JsonWriter writer, string name, in G2Point point)
    {
        writer.WriteStartArray(name);
        WriteElement(writer, point.X);
        WriteElement(writer, point.IsInfinity ? Fq2.One : point.Y);
        WriteElement(writer, point.IsInfinity ? Fq2.Zero : Fq2.One);
        writer.WriteEndArray();
    }

    private static void WriteElement(Utf8JsonWriter writer, in Fq2 element)
    {
        writer.WriteStartArray();
        writer.WriteStringValue(element.C0.ToString());
        writer.WriteStringValue(element.C1.ToString());
        writer.WriteEndArray();
    }

    // A value with the path that leads to it, for errors.
    private readonly record struct Node(JsonElement Element, string File, string Path)
    {
        public Node this[string property] =>
            Element.ValueKind == JsonValueKind.Object && Element.TryGetProperty(property, out var value)
                ? new Node(value, File, $"{Path}.{property}")
                : throw Error($"has no property \"{property}\"");

        // A string's bytes as they stand in the document. Decoding would throw on broken escapes, and no text wanted here has any.
        private ReadOnlySpan<byte> Content => JsonMarshal.GetRawUtf8Value(Element)[1..^1];

        public Node[] Items(int least, int most)
        {
            if (Element.ValueKind != JsonValueKind.Array || Element.GetArrayLength() < least || Element.GetArrayLength() > most)
                throw Error(least == most ? $"is not an array of {least}" : $"is not an array of {least} to {most}");
            var items = new Node[Element.GetArrayLength()];
            for (var i = 0; i < items.Length; i++)
                items[i] = new Node(Element[i], File, $"{Path}[{i}]");
            return items;
        }

        public void Require(string text)
        {
            if (Element.ValueKind != JsonValueKind.String || !Content.SequenceEqual(Encoding.ASCII.GetBytes(text)))
                throw Error($"must be \"{text}\"");
        }

        public PrimeField<TModulus> Number<TModulus>()
            where TModulus : struct, IPrimeModulus
        {
            if (Element.ValueKind == JsonValueKind.String && Content is var digits && digits.Length > 0
                && !digits.ContainsAnyExceptInRange((byte)'0', (byte)'9') && (digits[0] != '0' || digits.Length == 1)
                && PrimeField<TModulus>.TryParse(Encoding.ASCII.GetString(digits), out var value))
                return value;
            throw Error($"is not a decimal string below {PrimeField<TModulus>.Modulus}");
        }

        public G1Point G1()
        {
            var items = Items(3, 3);
            var (x, y, z) = (items[0].Number<Bn254Base>(), items[1].Number<Bn254Base>(), items[2].Number<Bn254Base>());
            return z.IsOne && !(x.IsZero && y.IsZero) ? new G1Point(x, y)
                : z.IsZero && x.IsZero && y.IsOne ? G1Point.Infinity
                : throw Error("is neither [x, y, \"1\"] nor infinity");
        }

        public G2Point G2()
        {
            var items = Items(3, 3);
            var (x, y, z) = (items[0].Element2(), items[1].Element2(), items[2].Element2());
            return z == Fq2.One && !(x.IsZero && y.IsZero) ? new G2Point(x, y)
                : z.IsZero && x.IsZero && y == Fq2.One ? G2Point.Infinity
                : throw Error("is neither [x, y, [\"1\", \"0\"]] nor infinity");
        }

        public BinaryFormatException Error(string problem) => new(File, null, 0, $"{Path} {problem}");

        private Fq2 Element2()
        {
            var items = Items(2, 2);
            return new Fq2(items[0].Number<Bn254Base>(), items[1].Number<Bn254Base>());
        }
    }
}
