using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rollup.Engine;
using Rollup.ProverBridge.Jobs;
using Rollup.ProverBridge.Monitoring;
using Rollup.Protocol;

namespace Rollup.ProverBridge.Spool;

/// <summary>
/// Takes sealed batch files from the folder where the sequencer drops them into the queue, in order and without gaps. Files stay where
/// they are. A file that is not a sealed batch of this vault stops the intake until it is replaced; a second version of a queued batch
/// stops the bridge.
/// </summary>
/// <param name="version">Of the circuit that this bridge proves.</param>
/// <param name="domainOf">The vault's domain under a version of its circuit.</param>
public sealed class SpoolService(string folder, string profile, uint version, Func<uint, Fr> domainOf, JobStore store, BridgeStatus status, TimeProvider clock, ILogger<SpoolService> log) : BackgroundService
{
    private const string Part = "spool";
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);

    /// <summary>Later versions that a foreign batch is looked for among, to name it.</summary>
    private const uint MostVersions = 64;

    private readonly Fr domain = domainOf(version);

    // As they were when last read; a file is read again when it changes.
    private readonly Dictionary<uint, (DateTime, long)> seen = [];

    /// <summary>Looks at the folder once.</summary>
    /// <exception cref="JobStoreException">A batch came with other contents than it is queued with.</exception>
    public void Scan()
    {
        string? problem = null;
        uint? last = store.Last();
        foreach ((uint batch, FileInfo file) in Files())
        {
            if (last is not null && batch > last + 1)
            {
                problem = $"batch {last + 1} is missing in {folder}, and batch {batch} waits for it";
                break;
            }

            problem = Take(batch, file);
            if (problem is not null) break;
            if (last is null || batch > last) last = batch;
        }

        if (problem is not null && !status.Problems.Contains($"{Part}: {problem}")) log.LogError("Intake waits: {Problem}", problem);
        status.Report(Part, problem);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                Scan();
            }
            catch (IOException error)
            {
                status.Report(Part, error.Message);
                log.LogWarning("The spool cannot be read: {Reason}", error.Message);
            }
            catch (JobStoreException error)
            {
                status.Halt(error.Message);
                return;
            }

            await Task.Delay(Poll, clock, stoppingToken);
        }
    }

    private string WhoseIs(Fr other)
    {
        for (uint v = CircuitVersion.Value; v <= version + MostVersions; v++)
            if (domainOf(v) == other)
                return $"a batch of circuit version {v} of this vault; this bridge proves version {version}, and circuit.version says so. {(v < version ? "What was sealed before an upgrade belongs to the spool of that time: name the new one" : "Give it the circuit and keys of the upgrade")}";
        return $"a batch of another vault or chain: its domain is {other.ToHex()}, ours is {domain.ToHex()}";
    }

    private IEnumerable<(uint Batch, FileInfo File)> Files()
    {
        var files = new SortedDictionary<uint, FileInfo>();
        foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles())
            if (SealedBatchFile.TryParseName(file.Name, out uint batch)) files.Add(batch, file);
        return files.Select(f => (f.Key, f.Value));
    }

    private string? Take(uint batch, FileInfo file)
    {
        var state = (file.LastWriteTimeUtc, file.Length);
        if (seen.GetValueOrDefault(batch) == state) return null;
        if (file.Length > SealedBatchFile.MaxBytes) return $"{file.FullName} has {file.Length} bytes; a sealed batch has at most {SealedBatchFile.MaxBytes}";
        byte[] bytes = File.ReadAllBytes(file.FullName);
        try
        {
            SealedBatch content = SealedBatchFile.Read(bytes);
            if (content.Header.Batch != batch) return $"{file.FullName} holds batch {content.Header.Batch}";
            if (content.Domain != domain) return $"{file.FullName} is {WhoseIs(content.Domain)}";
            if (content.Profile != profile) return $"{file.FullName} is a batch of profile '{content.Profile}'; this bridge proves '{profile}'";
        }
        catch (SealedBatchFormatException error)
        {
            return $"{file.FullName} is not a sealed batch: {error.Message}";
        }

        if (store.Add(batch, bytes)) log.LogInformation("Batch {Batch}: queued, {Bytes} bytes", batch, bytes.Length);
        seen[batch] = state;
        return null;
    }
}
