using System.Collections.Immutable;
using Rollup.Protocol;

namespace Rollup.Crypto.Settlement;

/// <summary>
/// An operation of the vault's queue as it is published (spec 5.1.2). For a deposit owner, key and view key hash are 0; for a request the owner is who made
/// it, and the key's x, of a withdrawal request, what it is paid: 0 in the queue.
/// </summary>
public sealed record Operation(OperationKind Kind, int Account, int Asset, long Amount, Address Owner, Fr KeyX, Fr KeyY, Fr ViewKeyHash)
{
    /// <summary>Published words an operation.</summary>
    public const int Words = 5;

    public Fr Word => new WordWriter().Add((uint)Kind, Width.OperationKind).Add((uint)Account, Width.Account)
        .Add((uint)Asset, Width.Instrument).Add((ulong)Amount, Width.Amount).ToField();

    public Fr[] Encode() => [Word, Owner.ToField(), KeyX, KeyY, ViewKeyHash];

    /// <summary>Whether it is a request that a batch must serve (spec 5.9) and cannot refuse.</summary>
    public bool IsRequest => Kind is OperationKind.WithdrawalRequest or OperationKind.CloseRequest;

    /// <summary>What a published withdrawal request is paid, atoms or lots, 0..<see cref="Amount"/>; 0 of other operations.</summary>
    public long Paid => Kind == OperationKind.WithdrawalRequest && KeyX.TryToUInt64(out ulong paid) ? (long)paid : 0;

    /// <summary>The operation as a batch publishes it that pays so much of it.</summary>
    public Operation Served(long paid) => Kind == OperationKind.WithdrawalRequest ? this with { KeyX = Fr.FromUInt64((ulong)paid) } : this;

    /// <summary>Reads five words; false for words that no operation has.</summary>
    public static bool TryDecode(ReadOnlySpan<Fr> words, out Operation operation)
    {
        operation = new Operation(OperationKind.None, 0, 0, 0, default, Fr.Zero, Fr.Zero, Fr.Zero);
        if (words.Length != Words || !words[1].TryToAddress(out Address owner)) return false;
        var reader = new WordReader(words[0]);
        operation = new Operation((OperationKind)reader.ReadInt(Width.OperationKind), reader.ReadInt(Width.Account),
            reader.ReadInt(Width.Instrument), (long)reader.Read(Width.Amount), owner, words[2], words[3], words[4]);
        if (!reader.IsExhausted || !Enum.IsDefined(operation.Kind)) return false;
        return operation.Kind != OperationKind.WithdrawalRequest || (operation.KeyX.TryToUInt64(out ulong paid) && paid <= (ulong)operation.Amount);
    }
}

/// <summary>A withdrawal as published: 226 bits; amount 0 = none.</summary>
public readonly record struct PublicWithdrawal(Address Owner, int Asset, long Amount)
{
    public Fr Encode() => Owner.ToField() + new WordWriter().Add(0, 80).Add(0, 80).Add((uint)Asset, Width.Instrument).Add((ulong)Amount, Width.Amount).ToField();

    public static bool TryDecode(in Fr word, out PublicWithdrawal withdrawal)
    {
        var reader = new WordReader(word);
        UInt128 low = reader.Read(80), high = reader.Read(80);
        Span<byte> bytes = stackalloc byte[Address.Size];
        for (int i = 0; i < 10; i++)
        {
            bytes[19 - i] = (byte)((low >> (8 * i)) & 0xff);
            bytes[9 - i] = (byte)((high >> (8 * i)) & 0xff);
        }

        withdrawal = new PublicWithdrawal(Address.FromBytes(bytes), reader.ReadInt(Width.Instrument), (long)reader.Read(Width.Amount));
        return reader.IsExhausted;
    }
}

/// <summary>What a block publishes: the account, its new leaf hash, its contents encrypted.</summary>
public sealed record PublicBlock(int Account, Fr Leaf, ImmutableArray<Fr> Cipher)
{
    public const int Words = 2 + LeafContents.Elements;
}

/// <summary>The header's times and numbers (spec 5.1.1). Times in Unix milliseconds.</summary>
public sealed record BatchHeader(uint Batch, long Open, long Close, long FirstOperation, int OperationCount)
{
    public Fr Encode() => new WordWriter().Add(Batch, Width.Batch).Add((ulong)Open, Width.Time).Add((ulong)Close, Width.Time)
        .Add((ulong)FirstOperation, Width.OperationIndex).Add((uint)OperationCount, Width.OperationCount).ToField();

    public static bool TryDecode(in Fr word, out BatchHeader header)
    {
        var reader = new WordReader(word);
        header = new BatchHeader((uint)reader.Read(Width.Batch), (long)reader.Read(Width.Time), (long)reader.Read(Width.Time),
            (long)reader.Read(Width.OperationIndex), reader.ReadInt(Width.OperationCount));
        return reader.IsExhausted;
    }
}

/// <summary>
/// The public data of one batch (spec 5.1): padded to the profile's places. A refused operation is null.
/// </summary>
public sealed record PublicData(
    CircuitProfile Profile, Fr Domain, BatchHeader Header, Fr OldRoot, Fr NewRoot, Fr RankingRoot,
    ImmutableArray<Operation?> Operations, ImmutableArray<PublicWithdrawal> Withdrawals, ImmutableArray<PublicBlock> Blocks)
{
    /// <summary>Words before the operations: domain, header, old root, new root, ranking root.</summary>
    public const int FixedWords = 5;

    /// <summary>d_1..d_n in order.</summary>
    public Fr[] Encode()
    {
        if (Operations.Length > Profile.Operations || Withdrawals.Length != Profile.Rows || Blocks.Length != Profile.Blocks)
            throw new InvalidOperationException($"The data does not fit the profile '{Profile.Name}'.");
        var words = new List<Fr>(Profile.DataWords) { Domain, Header.Encode(), OldRoot, NewRoot, RankingRoot };
        for (int i = 0; i < Profile.Operations; i++)
            words.AddRange(i < Operations.Length && Operations[i] is { } operation ? operation.Encode() : new Fr[Operation.Words]);
        words.AddRange(Withdrawals.Select(w => w.Amount == 0 ? Fr.Zero : w.Encode()));
        foreach (PublicBlock block in Blocks) words.AddRange([Fr.FromUInt64((ulong)block.Account), block.Leaf, .. block.Cipher]);
        return [.. words];
    }

    /// <summary>Inverse of <see cref="Encode"/>; null with the reason for words that no batch has.</summary>
    public static PublicData? TryDecode(CircuitProfile profile, ReadOnlySpan<Fr> words, out string? problem)
    {
        problem = null;
        if (words.Length != profile.DataWords) return Fail(out problem, $"{words.Length} words where profile '{profile.Name}' has {profile.DataWords}");
        if (!BatchHeader.TryDecode(words[1], out BatchHeader header)) return Fail(out problem, "the header word has bits above its fields");
        if (header.OperationCount > profile.Operations) return Fail(out problem, $"{header.OperationCount} operations exceed {profile.Operations}");
        var operations = new Operation?[header.OperationCount];
        for (int i = 0; i < profile.Operations; i++)
        {
            ReadOnlySpan<Fr> place = words.Slice(FixedWords + Operation.Words * i, Operation.Words);
            bool empty = place.IndexOfAnyExcept(Fr.Zero) < 0;
            if (empty) continue;
            if (i >= header.OperationCount) return Fail(out problem, $"operation place {i} is used beyond the count");
            if (!Operation.TryDecode(place, out Operation operation) || operation.Kind == OperationKind.None)
                return Fail(out problem, $"operation place {i} is not an operation");
            operations[i] = operation;
        }

        int at = FixedWords + Operation.Words * profile.Operations;
        var withdrawals = new PublicWithdrawal[profile.Rows];
        for (int i = 0; i < profile.Rows; i++)
            if (!PublicWithdrawal.TryDecode(words[at + i], out withdrawals[i])) return Fail(out problem, $"withdrawal word {i} is malformed");
        at += profile.Rows;
        var blocks = new PublicBlock[profile.Blocks];
        for (int k = 0; k < profile.Blocks; k++, at += PublicBlock.Words)
        {
            if (!words[at].TryToUInt64(out ulong account) || account >= 1 << Width.Account) return Fail(out problem, $"block {k} names no account");
            blocks[k] = new PublicBlock((int)account, words[at + 1], [.. words.Slice(at + 2, LeafContents.Elements)]);
        }

        return new PublicData(profile, words[0], header, words[2], words[3], words[4], [.. operations], [.. withdrawals], [.. blocks]);
    }

    /// <summary>C: the commitment the proof makes to the words.</summary>
    public static Fr Commitment(ReadOnlySpan<Fr> words) => Poseidon.Sponge(Fr.FromUInt64(Tag.Data), words);

    /// <summary>z = keccak256(C, keccak256(words)) mod r: fixed only after both sides committed.</summary>
    public static Fr EvaluationPoint(Fr commitment, ReadOnlySpan<Fr> words)
    {
        var bytes = new byte[words.Length * Fr.ByteLength];
        for (int i = 0; i < words.Length; i++) words[i].WriteBigEndian(bytes.AsSpan(i * Fr.ByteLength));
        return Fr.FromBytesReducedBigEndian(Keccak.Hash256([.. commitment.ToBigEndianBytes(), .. Keccak.Hash256(bytes)]));
    }

    /// <summary>y = sum d_i z^i, i from 1.</summary>
    public static Fr Evaluate(ReadOnlySpan<Fr> words, Fr z)
    {
        Fr y = Fr.Zero;
        for (int i = words.Length - 1; i >= 0; i--) y = (y + words[i]) * z;
        return y;
    }

    private static PublicData? Fail(out string? problem, string text)
    {
        problem = text;
        return null;
    }
}
