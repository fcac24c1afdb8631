using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rollup.Proving;

namespace Rollup.ProverBridge.Proving;

/// <summary>What a snarkjs worker is started with.</summary>
/// <param name="Node">The Node.js program.</param>
/// <param name="Script">snarkjs-worker/worker.mjs.</param>
/// <param name="Wasm">The circuit's witness generator.</param>
/// <param name="Zkey">Its proving key; null for a worker that only calculates witnesses.</param>
/// <param name="Timeout">For one request.</param>
/// <param name="MemoryLimit">In bytes. A worker above it is ended; one that rests above half of it is replaced.</param>
public sealed record WorkerOptions(string Node, string Script, string Wasm, string? Zkey, TimeSpan Timeout, long MemoryLimit);

/// <summary>One running worker.mjs. It serves one request at a time; after a <see cref="ProverException"/> other than a refusal it is dead.</summary>
internal sealed class SnarkjsWorker : IAsyncDisposable
{
    private const int MaxReply = 64 << 10;
    private static readonly TimeSpan MemoryPoll = TimeSpan.FromMilliseconds(250);

    private readonly ChildProcess process;
    private readonly WorkerOptions options;
    private readonly byte[] buffer = new byte[MaxReply];
    private int buffered;
    private long lastId;

    private SnarkjsWorker(ChildProcess process, WorkerOptions options) => (this.process, this.options) = (process, options);

    /// <summary>Starts a worker and lets it load the circuit.</summary>
    /// <exception cref="ProverException"/>
    public static async Task<SnarkjsWorker> StartAsync(WorkerOptions options, CancellationToken cancellation)
    {
        var worker = new SnarkjsWorker(ChildProcess.Start(options.Node, [options.Script]), options);
        try
        {
            await worker.RequestAsync("load", new JsonObject { ["wasm"] = options.Wasm, ["zkey"] = options.Zkey }, cancellation);
            return worker;
        }
        catch
        {
            await worker.DisposeAsync();
            throw;
        }
    }

    public int ProcessId => process.Id;

    public bool IsAlive => process.IsAlive;

    public long Memory => process.Memory;

    public long PeakMemory => process.PeakMemory;

    /// <summary>Calculates the witness of an input file.</summary>
    public Task WitnessAsync(string input, string wtns, CancellationToken cancellation) =>
        RequestAsync("witness", new JsonObject { ["input"] = input, ["wtns"] = wtns }, cancellation);

    /// <summary>Proves a witness file.</summary>
    public Task ProveAsync(string wtns, string proof, string publics, CancellationToken cancellation) =>
        RequestAsync("prove", new JsonObject { ["wtns"] = wtns, ["proof"] = proof, ["public"] = publics }, cancellation);

    public ValueTask DisposeAsync() => process.DisposeAsync();

    private async Task RequestAsync(string operation, JsonObject request, CancellationToken cancellation)
    {
        (request["id"], request["op"]) = (++lastId, operation);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(options.Timeout);
        Task<string?> reply = ExchangeAsync(request.ToJsonString());
        try
        {
            while (!reply.IsCompleted)
            {
                await Task.WhenAny(reply, Task.Delay(MemoryPoll, deadline.Token));
                if (reply.IsCompleted) break;
                cancellation.ThrowIfCancellationRequested();
                if (deadline.IsCancellationRequested)
                    throw new ProverException(ProverFault.TimedOut, $"The snarkjs worker did not finish '{operation}' within {options.Timeout.TotalSeconds:0.#} s and was ended; {process.Tail()}.");
                if (process.Memory is var memory && memory > options.MemoryLimit)
                    throw new ProverException(ProverFault.MemoryExceeded, $"The snarkjs worker took {memory >> 20} MB during '{operation}', above its limit of {options.MemoryLimit >> 20} MB, and was ended.");
            }
        }
        catch
        {
            process.Kill();
            await reply;
            throw;
        }

        await CheckAsync(operation, await reply);
    }

    private async Task CheckAsync(string operation, string? reply)
    {
        if (reply is null)
        {
            process.Kill();
            int code = await process.WaitAsync(CancellationToken.None);
            throw new ProverException(ProverFault.Died, $"The snarkjs worker ended during '{operation}' with exit code {code}{(code > 128 ? $" (signal {code - 128})" : "")}; {process.Tail()}.");
        }

        try
        {
            using var document = JsonDocument.Parse(reply);
            JsonElement root = document.RootElement;
            if (root.GetProperty("id").GetInt64() != lastId) throw new JsonException("the reply answers another request");
            if (!root.GetProperty("ok").GetBoolean())
                throw new ProverException(ProverFault.Refused, $"The snarkjs worker refused '{operation}': {root.GetProperty("error").GetString()?.ReplaceLineEndings(" | ")}");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            process.Kill();
            throw new ProverException(ProverFault.Died, $"The snarkjs worker broke its protocol during '{operation}' and was ended: {error.Message}", error);
        }
    }

    /// <returns>null if the worker closed its side, or said more than a reply has.</returns>
    private async Task<string?> ExchangeAsync(string line)
    {
        try
        {
            await process.Input.WriteAsync(line + "\n");
            await process.Input.FlushAsync();
            while (true)
            {
                int end = buffer.AsSpan(0, buffered).IndexOf((byte)'\n');
                if (end >= 0)
                {
                    string reply = Encoding.UTF8.GetString(buffer, 0, end);
                    buffered -= end + 1;
                    Array.Copy(buffer, end + 1, buffer, 0, buffered);
                    return reply;
                }

                int count = buffered == buffer.Length ? 0 : await process.Output.ReadAsync(buffer.AsMemory(buffered));
                if (count == 0) return null;
                buffered += count;
            }
        }
        catch (IOException)
        {
            return null; // A broken pipe: the worker is gone.
        }
    }
}
