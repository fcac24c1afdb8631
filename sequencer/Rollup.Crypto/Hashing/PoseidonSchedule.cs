namespace Rollup.Crypto;

/// <summary>
/// Poseidon's constants in the form the hash runs on: the same permutation with less work in the partial rounds
/// (paper, appendix B). Derivation, for round x → M·S(x + c) and M = [[m, v], [w, N]] with N the lower right block:
/// <list type="bullet">
/// <item>Matrices. M = [[m, v·N⁻¹], [w, I]] · diag(1, N). The right factor leaves lane 0 alone, so it commutes with a partial round's S-box
/// and moves into the round before. From the last partial round backwards, the k-th leaves a sparse matrix with first row (m, v·N⁻ᵏ)
/// and first column (m, Nᵏ⁻¹·w); the last full round before them ends with [[m, v], [N^R·w, N^(R+1)]], R = number of partial rounds.</item>
/// <item>Constants. What a partial round adds to lanes 1.. passes its S-box untouched. From the last partial round backwards, all of a round's
/// constants move over the matrix before it (c ↦ M⁻¹·c); lane 0's part stays there as one constant after that round's S-box, and what reaches
/// the last full round is added after its S-boxes.</item>
/// </list>
/// </summary>
internal sealed class PoseidonSchedule
{
    internal PoseidonSchedule(PoseidonConstants plain)
    {
        int t = plain.Width, half = PoseidonConstants.FullRounds / 2, partial = plain.PartialRounds;
        Width = t;
        PartialRounds = partial;
        Mds = Flatten(plain.Mds);
        Fr[,] mdsInverse = Inverse(plain.Mds);

        Partial = new Fr[partial];
        Fr[] carried = plain.Round[half + partial - 1];
        for (int k = partial - 1; k > 0; k--)
        {
            // carried enters round k of the partial rounds; round k-1 takes it over its matrix.
            Fr[] moved = Multiply(mdsInverse, carried);
            Partial[k - 1] = moved[0];
            moved[0] = Fr.Zero;
            Fr[] own = plain.Round[half + k - 1];
            for (int i = 0; i < t; i++) moved[i] += own[i];
            carried = moved;
        }

        var full = new List<Fr>();
        for (int round = 0; round < half; round++) full.AddRange(plain.Round[round]);
        full.AddRange(Multiply(mdsInverse, carried));
        for (int round = half + partial; round < plain.Round.Length; round++) full.AddRange(plain.Round[round]);
        Full = [.. full];

        var block = new Fr[t - 1, t - 1];
        var row = new Fr[1, t - 1];
        var column = new Fr[t - 1, 1];
        for (int i = 1; i < t; i++)
        {
            row[0, i - 1] = plain.Mds[0, i];
            column[i - 1, 0] = plain.Mds[i, 0];
            for (int j = 1; j < t; j++) block[i - 1, j - 1] = plain.Mds[i, j];
        }

        Fr[,] blockInverse = Inverse(block), sparseRow = row;
        int stride = 2 * t - 1;
        Sparse = new Fr[partial * stride];
        for (int k = partial - 1; k >= 0; k--)
        {
            sparseRow = Multiply(sparseRow, blockInverse);
            Span<Fr> target = Sparse.AsSpan(k * stride, stride);
            target[0] = plain.Mds[0, 0];
            for (int i = 1; i < t; i++)
            {
                target[i] = sparseRow[0, i - 1];
                target[t - 1 + i] = column[i - 1, 0];
            }

            column = Multiply(block, column);
        }

        Fr[,] power = Power(block, partial + 1);
        var bridge = new Fr[t, t];
        bridge[0, 0] = plain.Mds[0, 0];
        for (int i = 1; i < t; i++)
        {
            bridge[0, i] = row[0, i - 1];
            bridge[i, 0] = column[i - 1, 0];
            for (int j = 1; j < t; j++) bridge[i, j] = power[i - 1, j - 1];
        }

        Bridge = Flatten(bridge);
    }

    internal int Width { get; }

    internal int PartialRounds { get; }

    /// <summary>t constants for each of the first 4 full rounds, then t added after the S-boxes of the 4th, then t for each of the last 4.</summary>
    internal Fr[] Full { get; }

    /// <summary>Added to lane 0 after each partial round's S-box.</summary>
    internal Fr[] Partial { get; }

    /// <summary>Row-major t × t.</summary>
    internal Fr[] Mds { get; }

    /// <summary>Row-major t × t: replaces the MDS matrix in the last full round before the partial rounds.</summary>
    internal Fr[] Bridge { get; }

    /// <summary>Per partial round 2t - 1 elements: the first row, then the first column below it.</summary>
    internal Fr[] Sparse { get; }

    private static Fr[] Flatten(Fr[,] matrix) => [.. matrix.Cast<Fr>()];

    private static Fr[] Multiply(Fr[,] matrix, Fr[] vector)
    {
        var result = new Fr[vector.Length];
        for (int i = 0; i < result.Length; i++)
            for (int j = 0; j < vector.Length; j++)
                result[i] += matrix[i, j] * vector[j];
        return result;
    }

    private static Fr[,] Multiply(Fr[,] a, Fr[,] b)
    {
        var result = new Fr[a.GetLength(0), b.GetLength(1)];
        for (int i = 0; i < a.GetLength(0); i++)
            for (int j = 0; j < b.GetLength(1); j++)
                for (int k = 0; k < b.GetLength(0); k++)
                    result[i, j] += a[i, k] * b[k, j];
        return result;
    }

    private static Fr[,] Power(Fr[,] matrix, int exponent)
    {
        if (exponent == 1) return matrix;
        Fr[,] half = Power(matrix, exponent / 2), even = Multiply(half, half);
        return exponent % 2 == 0 ? even : Multiply(even, matrix);
    }

    // Gauss and Jordan. A Cauchy matrix has every square block regular, so a pivot is never zero and no rows are exchanged.
    private static Fr[,] Inverse(Fr[,] matrix)
    {
        int n = matrix.GetLength(0);
        var left = (Fr[,])matrix.Clone();
        var right = new Fr[n, n];
        for (int i = 0; i < n; i++) right[i, i] = Fr.One;
        for (int pivot = 0; pivot < n; pivot++)
        {
            Fr inverse = left[pivot, pivot].Inverse();
            for (int j = 0; j < n; j++)
            {
                left[pivot, j] *= inverse;
                right[pivot, j] *= inverse;
            }

            for (int i = 0; i < n; i++)
            {
                Fr factor = left[i, pivot];
                if (i == pivot || factor.IsZero) continue;
                for (int j = 0; j < n; j++)
                {
                    left[i, j] -= factor * left[pivot, j];
                    right[i, j] -= factor * right[pivot, j];
                }
            }
        }

        return right;
    }
}
