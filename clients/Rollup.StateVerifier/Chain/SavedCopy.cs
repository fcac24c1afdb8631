using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Rollup.Ethereum;
using Rollup.Protocol;

namespace Rollup.StateVerifier.Chain;

/// <summary>A copy that is missing, incomplete or not in the format; the message names the file.</summary>
public sealed class SavedCopyException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// L1's answers in a folder: <c>vault.json</c> (a <see cref="VaultSnapshot"/>) and <c>batches/NNNNNNNN.json</c> (a
/// <see cref="BatchEvidence"/> each). Bytes are 0x and hexadecimal digits. The copy is as raw as the answers, and carries no
/// checksum: it is trusted no more than the endpoint, and every check is made on it.
/// </summary>
public sealed class SavedCopy(string folder) : IVaultSource
{
    // About half a million logs, and a commit that no block could hold.
    private const long MaxSnapshotBytes = 512L << 20, MaxBatchBytes = 32L << 20;

    private static readonly JsonSerializerOptions Format = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        MaxDepth = 8,
        WriteIndented = true,
        NewLine = "\n",
        Converters = { new TextConverter<byte[]>(Hex.Parse, v => Hex.Format(v)), new TextConverter<Bytes32>(Bytes32.Parse, v => v.ToString()), new TextConverter<Address>(Address.Parse, v => v.ToString()) },
    };

    /// <summary>Writes the snapshot into a new or empty folder.</summary>
    /// <exception cref="IOException">The folder holds something already, or cannot be written.</exception>
    public async Task WriteAsync(VaultSnapshot snapshot, CancellationToken cancellation)
    {
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()) throw new IOException($"{folder} is not empty; name a new folder.");
        Directory.CreateDirectory(Path.Combine(folder, "batches"));
        await WriteAsync(SnapshotFile, snapshot, cancellation);
    }

    /// <summary>Writes one batch.</summary>
    public Task WriteAsync(BatchEvidence evidence, CancellationToken cancellation) => WriteAsync(BatchFile(evidence.Batch), evidence, cancellation);

    public async Task<VaultSnapshot> ReadSnapshotAsync(IProgress<ReadProgress>? progress, CancellationToken cancellation)
    {
        VaultSnapshot snapshot = await ReadAsync<VaultSnapshot>(SnapshotFile, MaxSnapshotBytes, cancellation);
        return snapshot.Logs.All(log => log is not null) ? snapshot : throw new SavedCopyException($"{SnapshotFile} has a log that is null.");
    }

    public Task<BatchEvidence> ReadBatchAsync(VaultSnapshot snapshot, BatchEvents events, CancellationToken cancellation) =>
        ReadAsync<BatchEvidence>(BatchFile(events.Batch), MaxBatchBytes, cancellation);

    public Task ConfirmAsync(VaultSnapshot snapshot, CancellationToken cancellation) => Task.CompletedTask;

    private string SnapshotFile => Path.Combine(folder, "vault.json");

    private string BatchFile(uint batch) => Path.Combine(folder, "batches", batch.ToString("D8", CultureInfo.InvariantCulture) + ".json");

    private static async Task WriteAsync<T>(string path, T value, CancellationToken cancellation)
    {
        await using FileStream stream = File.Create(path);
        await JsonSerializer.SerializeAsync(stream, value, Format, cancellation);
    }

    private static async Task<T> ReadAsync<T>(string path, long limit, CancellationToken cancellation)
    {
        try
        {
            await using FileStream stream = File.OpenRead(path);
            if (stream.Length > limit) throw new SavedCopyException($"{path} has {stream.Length} bytes; at most {limit} are read.");
            return await JsonSerializer.DeserializeAsync<T>(stream, Format, cancellation) ?? throw new SavedCopyException($"{path} is null.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SavedCopyException($"{path} cannot be read: {e.Message}", e);
        }
        catch (JsonException e)
        {
            throw new SavedCopyException($"{path} is not of the format of a saved copy: {e.Message}", e);
        }
    }

    private sealed class TextConverter<T>(Func<string, T> parse, Func<T, string> format) : JsonConverter<T>
    {
        // Otherwise a null slips into dictionaries, whose values the serializer does not hold against their annotations.
        public override bool HandleNull => true;

        public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            try
            {
                return parse(reader.GetString() ?? throw new JsonException("null is no value here"));
            }
            catch (Exception e) when (e is FormatException or InvalidOperationException)
            {
                throw new JsonException(e.Message, e);
            }
        }

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(format(value));
    }
}
