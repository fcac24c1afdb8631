using Rollup.Crypto;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Sequencer.Storage;

namespace Rollup.Sequencer.Core;

/// <summary>The folder in which the prover bridge finds sealed batches, and what the committee signed of them. Batches are written whole, once, and stay.</summary>
internal sealed class Spool(string folder)
{
    private readonly string next = Path.Combine(folder, "next.attestation");

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
        string path = PathOf(batch.Header.Batch);
        byte[] content = SealedBatchFile.Write(batch);
        if (!File.Exists(path)) DurableFile.Replace(path, content);
        else if (!File.ReadAllBytes(path).AsSpan().SequenceEqual(content))
            throw new SafeStopException($"{path} holds another batch than the journal gives: it was changed, or belongs to another data directory.");
    }

    /// <summary>A sealed batch that was put here.</summary>
    internal SealedBatch Read(uint batch) => SealedBatchFile.Read(File.ReadAllBytes(PathOf(batch)));

    /// <summary>Puts the signatures of a batch's risk inputs in the folder, in the place of those of other inputs.</summary>
    internal void Put(RiskAttestation attestation) => DurableFile.Replace(AttestationOf(attestation.Batch), attestation.ToBytes());

    /// <summary>Keeps the signatures that an epoch is to open with, before the command is journaled; <see cref="Opened"/> gives them their name once it is. Until then the batch has those of the inputs that it is open with.</summary>
    internal void PutNext(RiskAttestation attestation) => DurableFile.Replace(next, attestation.ToBytes());

    /// <summary>Gives the signatures kept last their name, if they are of the inputs that the journal has; else forgets them.</summary>
    /// <param name="inputs">Canonical bytes of the newest opening.</param>
    internal void Opened(ReadOnlySpan<byte> inputs)
    {
        if (!File.Exists(next)) return;
        if (RiskAttestation.TryParse(File.ReadAllBytes(next), out RiskAttestation signed) && signed.InputsHash == Bytes32.FromBytes(Keccak.Hash256(inputs))) DurableFile.Rename(next, AttestationOf(signed.Batch));
        else File.Delete(next);
    }

    /// <summary>The signatures of a batch's risk inputs; null without a file that has the form.</summary>
    internal RiskAttestation? Attestation(uint batch) =>
        File.Exists(AttestationOf(batch)) && RiskAttestation.TryParse(File.ReadAllBytes(AttestationOf(batch)), out RiskAttestation read) && read.Batch == batch ? read : null;

    private string PathOf(uint batch) => Path.Combine(folder, SealedBatchFile.NameOf(batch));

    private string AttestationOf(uint batch) => Path.Combine(folder, RiskAttestation.NameOf(batch));
}
