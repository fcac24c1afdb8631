using Rollup.Engine;
using Rollup.Sequencer.Storage;

namespace Rollup.Sequencer.Core;

/// <summary>The folder in which the prover bridge finds sealed batches. Files are written whole, once, and stay.</summary>
internal sealed class Spool(string folder)
{
    /// <summary>Makes the folder, and removes what a crash left half-written.</summary>
    internal void Prepare()
    {
        DurableFile.CreateDirectory(folder);
        DurableFile.RemoveUnfinished(folder);
    }

    /// <summary>Puts a batch in the folder, unless it is there.</summary>
    /// <exception cref="SafeStopException">Another batch of this number is there.</exception>
    internal void Put(SealedBatch batch)
    {
        string path = Path.Combine(folder, SealedBatchFile.NameOf(batch.Header.Batch));
        byte[] content = SealedBatchFile.Write(batch);
        if (!File.Exists(path)) DurableFile.Replace(path, content);
        else if (!File.ReadAllBytes(path).AsSpan().SequenceEqual(content))
            throw new SafeStopException($"{path} holds another batch than the journal gives: it was changed, or belongs to another data directory.");
    }
}
