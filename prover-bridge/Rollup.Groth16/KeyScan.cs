using System.Runtime.ExceptionServices;
using Rollup.Groth16.Formats;

namespace Rollup.Groth16;

/// <summary>Reads every point and coefficient of a proving key once through the format's own checks.</summary>
internal static class KeyScan
{
    private const int PointsPerBlock = 4096;

    /// <summary>The first fault of each section, by section.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static IReadOnlyList<BinaryFormatException> FindFaults(Zkey key, ParallelOptions options)
    {
        Action[] sections =
        [
            () => ReadAll<G2Point>(key.WireCount, key.ReadB2),
            () => ReadAll<G1Point>(key.DomainSize, (first, points) => key.ReadPoints(Zkey.HSection, first, points)),
            () => ReadAll<G1Point>(key.WireCount, (first, points) => key.ReadPoints(Zkey.ASection, first, points)),
            () => ReadAll<G1Point>(key.WireCount, (first, points) => key.ReadPoints(Zkey.B1Section, first, points)),
            () => ReadAll<G1Point>(key.WireCount - key.PublicCount - 1, (first, points) => key.ReadPoints(Zkey.CSection, first, points)),
            () =>
            {
                foreach (var _ in key.ReadCoefficients())
                    options.CancellationToken.ThrowIfCancellationRequested();
            },
        ];
        var faults = new BinaryFormatException?[sections.Length];
        try
        {
            Parallel.For(0, sections.Length, options, i =>
            {
                try
                {
                    sections[i]();
                }
                catch (BinaryFormatException fault)
                {
                    faults[i] = fault;
                }
            });
        }
        catch (AggregateException errors)
        {
            ExceptionDispatchInfo.Throw(errors.InnerExceptions[0]);
        }
        return [.. faults.OfType<BinaryFormatException>().OrderBy(fault => fault.Section)];

        void ReadAll<T>(int count, Reader<T> read)
        {
            var block = new T[Math.Min(count, PointsPerBlock)];
            for (var first = 0; first < count; first += block.Length)
            {
                options.CancellationToken.ThrowIfCancellationRequested();
                read(first, block.AsSpan(0, Math.Min(block.Length, count - first)));
            }
        }
    }

    private delegate void Reader<T>(int first, Span<T> points);
}
