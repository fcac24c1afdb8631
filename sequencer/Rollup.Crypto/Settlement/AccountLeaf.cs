using System.Collections.Immutable;
using Rollup.Protocol;

namespace Rollup.Crypto.Settlement;

/// <summary>One held instrument: id 1..2^18-1, size in lots, 0 &lt; |size| &lt; 2^44.</summary>
public readonly record struct Position(int Instrument, long Size);

/// <summary>The part of a leaf that never changes (spec 3.2).</summary>
public sealed record AccountIdentity(Address Owner, Fr KeyX, Fr KeyY, Fr ViewKey)
{
    /// <summary>Owner 0, key (0, 0), public: the fee account and the insurance fund at genesis (spec 3.4).</summary>
    public static readonly AccountIdentity Reserved = new(default, Fr.Zero, Fr.Zero, Fr.Zero);

    /// <summary>What the chain knows of the view key: H(viewKey).</summary>
    public Fr ViewKeyHash => Poseidon.Hash([ViewKey]);
}

/// <summary>
/// The changing part of a leaf (spec 3.2): version 32 bits, cash in atoms, order-slot root, and at most 16 positions in strictly
/// ascending instrument order. Construction refuses contents the circuit could not prove.
/// </summary>
public sealed record LeafContents
{
    /// <summary>Elements of the encoded contents: versionCash, orderRoot, four packed words of positions.</summary>
    public const int Elements = 6;

    public const long MaxPositionSize = (1L << Width.PositionSize) - 1;
    private const int SlotBits = Width.Instrument + Width.PositionSize + 1;

    public static readonly LeafContents Empty = new(0, 0, OrderSlots.EmptyRoot, []);

    public LeafContents(uint version, long cash, Fr orderRoot, ImmutableArray<Position> positions)
    {
        if (Check(positions) is { } problem) throw new ArgumentException(problem, nameof(positions));
        Version = version;
        Cash = cash;
        OrderRoot = orderRoot;
        Positions = positions;
    }

    public uint Version { get; }

    /// <summary>Atoms, signed.</summary>
    public long Cash { get; }

    public Fr OrderRoot { get; }

    public ImmutableArray<Position> Positions { get; }

    /// <summary>The six elements that are hashed with the identity and published encrypted.</summary>
    public Fr[] Encode()
    {
        var elements = new Fr[Elements];
        elements[0] = new WordWriter().Add((UInt128)((Int128)Cash + (Int128.One << 63)), Width.Cash).Add(Version, Width.Version).ToField();
        elements[1] = OrderRoot;
        PackSlots(Positions.AsSpan()).CopyTo(elements, 2);
        return elements;
    }

    /// <summary>p_0..p_3 of spec 3.2 from at most 16 slots in their order; a free slot is <c>default</c>.</summary>
    public static Fr[] PackSlots(ReadOnlySpan<Position> slots)
    {
        var packed = new Fr[Bound.Positions / 4];
        for (int e = 0; e < packed.Length; e++)
        {
            var word = new WordWriter();
            for (int i = 4 * e; i < 4 * e + 4; i++)
            {
                Position p = i < slots.Length ? slots[i] : default;
                word = word.Add((uint)p.Instrument, Width.Instrument).Add((ulong)Math.Abs(p.Size), Width.PositionSize).Add(p.Size < 0 ? 1u : 0u, 1);
            }

            packed[e] = word.ToField();
        }

        return packed;
    }

    /// <summary>Inverse of <see cref="Encode"/>. False for anything that <see cref="Encode"/> does not produce.</summary>
    public static bool TryDecode(ReadOnlySpan<Fr> elements, out LeafContents contents)
    {
        contents = Empty;
        if (elements.Length != Elements) return false;
        var first = new WordReader(elements[0]);
        long cash = (long)((Int128)first.Read(Width.Cash) - (Int128.One << 63));
        var version = (uint)first.Read(Width.Version);
        if (!first.IsExhausted) return false;
        var positions = ImmutableArray.CreateBuilder<Position>();
        for (int e = 0; e < Bound.Positions / 4; e++)
        {
            var word = new WordReader(elements[2 + e]);
            for (int i = 0; i < 4; i++)
            {
                int id = word.ReadInt(Width.Instrument);
                var magnitude = (long)word.Read(Width.PositionSize);
                bool negative = word.ReadInt(1) != 0;
                if (id == 0 && magnitude == 0 && !negative) continue;
                if (positions.Count != 4 * e + i) return false;
                positions.Add(new Position(id, negative ? -magnitude : magnitude));
            }

            if (!word.IsExhausted) return false;
        }

        if (Check(positions.ToImmutable()) is not null) return false;
        contents = new LeafContents(version, cash, elements[1], positions.ToImmutable());
        return true;
    }

    /// <summary>The leaf hash with these contents (spec 3.2).</summary>
    public Fr Hash(AccountIdentity identity)
    {
        Span<Fr> inputs = [identity.Owner.ToField(), identity.KeyX, identity.KeyY, identity.ViewKey, default, default, default, default, default, default];
        Encode().CopyTo(inputs[4..]);
        return Poseidon.Hash(inputs);
    }

    public bool Equals(LeafContents? other) => other is not null && Version == other.Version && Cash == other.Cash
        && OrderRoot == other.OrderRoot && Positions.AsSpan().SequenceEqual(other.Positions.AsSpan());

    public override int GetHashCode() => HashCode.Combine(Version, Cash, OrderRoot, Positions.Length);

    private static string? Check(ImmutableArray<Position> positions)
    {
        if (positions.Length > Bound.Positions) return $"{positions.Length} positions exceed the {Bound.Positions} slots of a leaf.";
        for (int i = 0; i < positions.Length; i++)
        {
            Position p = positions[i];
            if (p.Instrument is <= 0 or >= 1 << Width.Instrument) return $"Instrument {p.Instrument} is outside 1..2^18-1.";
            if (p.Size == 0 || p.Size is < -MaxPositionSize or > MaxPositionSize) return $"Size {p.Size} of instrument {p.Instrument} is 0 or reaches 2^44.";
            if (i > 0 && positions[i - 1].Instrument >= p.Instrument) return "Positions are not in strictly ascending instrument order.";
        }

        return null;
    }
}

/// <summary>Publishes a leaf's contents to its owner alone (spec 5.2).</summary>
public static class LeafCipher
{
    /// <summary>The six published elements of <paramref name="contents"/> under the leaf hash they give.</summary>
    public static Fr[] Encrypt(Fr viewKey, Fr leafHash, LeafContents contents)
    {
        Fr[] cipher = contents.Encode();
        Span<Fr> stream = Stream(viewKey, leafHash);
        for (int i = 0; i < cipher.Length; i++) cipher[i] += stream[1 + i];
        return cipher;
    }

    /// <summary>Opens six published elements; false if they are not an encoding (wrong key or damaged data).</summary>
    public static bool TryDecrypt(Fr viewKey, Fr leafHash, ReadOnlySpan<Fr> cipher, out LeafContents contents)
    {
        contents = LeafContents.Empty;
        if (cipher.Length != LeafContents.Elements) return false;
        Span<Fr> stream = Stream(viewKey, leafHash);
        var elements = new Fr[LeafContents.Elements];
        for (int i = 0; i < elements.Length; i++) elements[i] = cipher[i] - stream[1 + i];
        return LeafContents.TryDecode(elements, out contents);
    }

    private static Fr[] Stream(Fr viewKey, Fr leafHash)
    {
        Fr[] state = [Fr.Zero, viewKey, leafHash, Fr.Zero, Fr.Zero, Fr.Zero, Fr.Zero];
        Poseidon.Permute(state);
        return state;
    }
}
