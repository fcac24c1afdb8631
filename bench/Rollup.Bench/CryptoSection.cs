using System.Diagnostics;
using Rollup.Crypto;

namespace Rollup.Bench;

/// <summary>Field, hash and signature on one core, one by one and many at once; the tree on all cores.</summary>
public sealed class CryptoSection : ISection
{
    /// <inheritdoc/>
    public string Name => "crypto";

    private const int Batch = 64;

    private Fr _sink;

    /// <inheritdoc/>
    public void Run(Table table)
    {
        Fr x = Fr.FromUInt64(0x9E3779B97F4A7C15).Pow(7), y = x.Square() + Fr.One;
        table.Time("Fr multiplication, dependent chain", "ns", 10_000, () =>
        {
            Fr a = x;
            for (int i = 0; i < 10_000; i++) a *= y;
            _sink = a;
        });
        foreach (FieldPathKind path in Enum.GetValues<FieldPathKind>().Where(FieldPath.IsSupported))
        {
            switch (path)
            {
                case FieldPathKind.Avx512: MeasureLanes<FieldLanes<Lanes8, Bn254Scalar>>(table, path, x); break;
                case FieldPathKind.Avx2: MeasureLanes<FieldLanes<Lanes4, Bn254Scalar>>(table, path, x); break;
                default: MeasureLanes<FieldScalar<Bn254Scalar>>(table, path, x); break;
            }
        }

        table.Time("Fr addition, dependent chain", "ns", 10_000, () =>
        {
            Fr a = x;
            for (int i = 0; i < 10_000; i++) a += y;
            _sink = a;
        });
        table.Time("Fr inverse", "us", 10, () =>
        {
            Fr a = x;
            for (int i = 0; i < 10; i++) a = (a + y).Inverse();
            _sink = a;
        });
        // Before any other Poseidon, in code that is not yet compiled: what a process pays at its first hashes.
        long start = Stopwatch.GetTimestamp();
        for (int inputs = 1; inputs <= Poseidon.MaxInputs; inputs++) _sink = Poseidon.Hash(new Fr[inputs]);
        table.Add("Poseidon, first use of all 16 widths", Stopwatch.GetElapsedTime(start).TotalMilliseconds, "ms");
        table.Time("Poseidon(2)", "us", 100, () =>
        {
            Fr a = x;
            for (int i = 0; i < 100; i++) a = Poseidon.Hash(a, y);
            _sink = a;
        });
        table.Time("Poseidon(4)", "us", 100, () =>
        {
            Fr a = x;
            for (int i = 0; i < 100; i++) a = Poseidon.Hash(a, y, x, y);
            _sink = a;
        });
        foreach (int arity in (int[])[2, 4])
        {
            Fr[] inputs = Enumerable.Repeat(y, arity * Batch).ToArray(), outputs = new Fr[Batch];
            table.Time($"Poseidon({arity}), {Batch} at once", "us", Batch, () =>
            {
                Poseidon.HashMany(inputs, arity, outputs);
                inputs[0] = _sink = outputs[^1];
            });
        }

        var sixteen = new Fr[16];
        table.Time("Poseidon(16)", "us", 10, () =>
        {
            for (int i = 0; i < 10; i++) sixteen[0] = Poseidon.Hash(sixteen);
            _sink = sixteen[0];
        });
        using var key = new EddsaPrivateKey(x.ToLittleEndianBytes());
        EddsaSignature signature = key.Sign(y);
        bool accepted = true;
        table.Time("EdDSA-Poseidon sign", "us", 10, () =>
        {
            for (int i = 0; i < 10; i++) signature = key.Sign(y);
        });
        table.Time("EdDSA-Poseidon verify", "us", 10, () =>
        {
            for (int i = 0; i < 10; i++) accepted &= key.PublicKey.Verify(y, signature);
        });
        SignedMessage[] signed = [.. Enumerable.Range(0, Batch).AsParallel().AsOrdered().Select(i =>
        {
            using var signer = new EddsaPrivateKey(Fr.FromUInt64((ulong)i + 1).Pow(77).ToLittleEndianBytes());
            return new SignedMessage(signer.PublicKey, y, signer.Sign(y));
        })];
        var answers = new bool[Batch];
        table.Time($"EdDSA-Poseidon verify, {Batch} at once", "us", Batch, () =>
        {
            EddsaPublicKey.VerifyMany(signed, answers);
            accepted &= !answers.Contains(false);
        });
        if (!accepted) throw new InvalidOperationException("A good signature was refused.");
        MeasureTree(table, x, y);
        if (_sink.IsZero) throw new InvalidOperationException("The measured code gave zero.");
    }

    private void MeasureLanes<TVector>(Table table, FieldPathKind path, Fr x)
        where TVector : struct, IFieldVector<TVector, Fr>
    {
        const int Length = 10_000;
        var vectors = new TVector[2];
        TVector.Broadcast(x, out vectors[0]);
        TVector.Broadcast(x + Fr.One, out vectors[1]);
        table.Time($"Fr multiplication, dependent chain, a lane of {TVector.Count} ({path.ToString().ToUpperInvariant()})", "ns", Length * TVector.Count, () =>
        {
            for (int i = 0; i < Length; i++) TVector.Multiply(vectors[0], vectors[1], out vectors[0]);
        });
        var last = new Fr[TVector.Count];
        TVector.Store(vectors[0], last);
        _sink = last[^1];
    }

    private void MeasureTree(Table table, Fr x, Fr y)
    {
        const int Leaves = 1_000_000, Updates = 10_000;
        var tree = new QuadTree(QuadTree.MaxDepth);
        var watch = Stopwatch.StartNew();
        tree.UpdateMany(Enumerable.Range(0, Leaves).Select(i => ((ulong)i, x)));
        table.Add($"tree of depth 12, first {Leaves:#,0} leaves set at once", watch.Elapsed.TotalSeconds, "s");
        var random = new Random(12);
        (ulong, Fr)[] updates = [.. Enumerable.Range(0, Updates).Select(_ => ((ulong)random.Next(Leaves), x))];
        table.Time($"tree of depth 12 with {Leaves:#,0} leaves, update of {Updates:#,0} random ones", "ms", 1, () =>
        {
            // New values each time: an unchanged leaf costs nothing.
            for (int i = 0; i < updates.Length; i++) updates[i].Item2 += y;
            tree.UpdateMany(updates);
            _sink = tree.Root;
        });
    }
}
