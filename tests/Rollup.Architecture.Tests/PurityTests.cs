using System.Diagnostics;
using Rollup.Risk.Display;

namespace Rollup.Architecture.Tests;

/// <summary>The pure projects compute from their arguments alone: the same batch on every machine, in every replay.</summary>
public sealed class PurityTests
{
    private const string Cores = "development keys are made on all cores; the file does not depend on how many";
    private const string Proofs = "a proof is made on the threads that the caller allows; nothing in it depends on how many";
    private const string Checks = "a key is read on the threads that the caller allows; what is found does not depend on how many";
    private const string Files = "keys and witnesses of gigabytes are read from disk piece by piece, where a caller names a file";
    private const string Secret = "a secret comes from the system's generator, and only when a caller asks for a new one";

    private const string Digits = "whole numbers below 2^53, which doubles carry exactly: the widest multiplier that .NET has in a vector";
    private const string Hashes = "nodes of one level are hashed on all cores; their hashes do not depend on how many";
    private const string Choice = "the environment may force one of several implementations that give the same elements";

    private const string Screens = "Greeks, implied volatilities and fitted surfaces for screens; nothing outside the namespace refers to them";

    /// <summary>Type (a namespace where it ends with a dot), the beginning of what it may use, and why. An entry that is not needed any more fails the test.</summary>
    private static readonly (string Assembly, string Type, string What, string Reason)[] Exceptions =
    [
        .. new[] { "ILanes`1", "Lanes8", "Lanes4", "IDigitModulus", "Bn254Scalar", "Bn254Base", "FieldLanes`2" }.Select(type => ("Rollup.Crypto", type, "System.Double", Digits)),
        .. new[] { "Bn254Scalar", "Bn254Base", "FieldLanes`2" }.Select(type => ("Rollup.Crypto", type, "ldc.r8", Digits)),
        ("Rollup.Crypto", "FieldLanes`2", "conv.r8", Digits),
        ("Rollup.Crypto", "QuadTree", "System.Threading.Tasks.Parallel", Hashes),
        ("Rollup.Crypto", "FieldPath", "System.Environment", Choice),
        .. new[] { "System.Double", "ldc.r8", "conv.r8", PurityScanner.Display }.Select(what => ("Rollup.Risk", PurityScanner.Display + ".", what, Screens)),
        ("Rollup.Groth16", "FixedBaseTable`2", "System.Threading.Tasks.Parallel", Cores),
        ("Rollup.Groth16", "MultiScalar", "System.Threading.Tasks.Parallel", Proofs),
        ("Rollup.Groth16", "MultiScalar`3", "System.Threading.Tasks.Parallel", Proofs),
        ("Rollup.Groth16", "OddCoset`1", "System.Threading.Tasks.Parallel", Proofs),
        ("Rollup.Groth16", "IQuotient", "System.Threading.Tasks.Parallel", Proofs),
        ("Rollup.Groth16", "Quotient`1", "System.Threading.Tasks.Parallel", Proofs),
        ("Rollup.Groth16", "Groth16Prover", "System.Threading.Tasks.Parallel", Proofs),
        ("Rollup.Groth16", "Groth16Prover", "System.Security.Cryptography.RandomNumberGenerator", "a proof is blinded afresh each time"),
        ("Rollup.Groth16", "KeyScan", "System.Threading.Tasks.Parallel", Checks),
        ("Rollup.Groth16", "KeyChecker", "System.Threading.Tasks.Parallel", Checks),
        ("Rollup.Groth16", "KeyChecker", "System.Security.Cryptography.RandomNumberGenerator", "points are checked together by coefficients that nobody can foresee"),
        ("Rollup.Groth16", "BinFile", "System.IO.File", Files),
        ("Rollup.Groth16", "BinFile", "System.IO.RandomAccess", Files),
        ("Rollup.Groth16", "SnarkJson", "System.IO.File", Files),
        ("Rollup.Groth16", "SymbolTable", "System.IO.FileStream", Files),
        ("Rollup.Groth16", "DevSecret", "System.Security.Cryptography.RandomNumberGenerator", Secret),
    ];

    [Theory]
    [InlineData("Rollup.Protocol")]
    [InlineData("Rollup.Crypto")]
    [InlineData("Rollup.Risk")]
    [InlineData("Rollup.Oracle")]
    [InlineData("Rollup.Engine")]
    [InlineData("Rollup.Groth16")]
    [InlineData("Rollup.Circuits")]
    [InlineData("Rollup.Witness")]
    public void A_pure_assembly_has_no_floating_point_io_clock_thread_or_changing_static(string assembly)
    {
        IReadOnlyList<Finding> findings = PurityScanner.Scan(Path.Combine(AppContext.BaseDirectory, $"{assembly}.dll"));
        var allowed = Exceptions.Where(e => e.Assembly == assembly).ToList();
        Assert.DoesNotContain(findings, f => !allowed.Any(e => Allows(e.Type, e.What, f)));
        Assert.DoesNotContain(allowed, e => !findings.Any(f => Allows(e.Type, e.What, f)));

        static bool Allows(string type, string what, Finding f) =>
            (type.EndsWith('.') ? f.Type.StartsWith(type, StringComparison.Ordinal) : f.Type == type) && f.What.StartsWith(what, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(nameof(Planted.Ratio), "System.Double")]
    [InlineData(nameof(Planted.Parameter), "System.Single")]
    [InlineData(nameof(Planted.Local), "System.Decimal")]
    [InlineData(nameof(Planted.Local), "conv.r8")]
    [InlineData(nameof(Planted.Called), "System.Double")]
    [InlineData(nameof(Planted.Inside), "System.Half")]
    [InlineData(nameof(Planted.Reads), "System.IO.File")]
    [InlineData(nameof(Planted.Prints), "System.Console")]
    [InlineData(nameof(Planted.Tells), "System.DateTime.get_UtcNow")]
    [InlineData(nameof(Planted.Measures), "System.Diagnostics.Stopwatch")]
    [InlineData(nameof(Planted.Counts), "System.Environment")]
    [InlineData(nameof(Planted.Runs), "System.Threading.Tasks.Task")]
    [InlineData(nameof(Planted.Draws), "System.Random")]
    [InlineData(nameof(Planted.counter), "static field that can change")]
    [InlineData(nameof(Planted.Shows), PurityScanner.Display + ".Greeks")]
    [InlineData(nameof(Planted.Hands), PurityScanner.Display + ".GreekColumns")]
    public void The_scan_finds_what_is_planted(string member, string what) =>
        Assert.Contains(new Finding(nameof(Planted), member, what), PurityScanner.Scan(typeof(Planted).Assembly.Location));

    [Fact]
    public void The_scan_leaves_pure_code_alone() => Assert.DoesNotContain(PurityScanner.Scan(typeof(Unplanted).Assembly.Location), f => f.Type == nameof(Unplanted));
}

/// <summary>One breach of purity a member; never called, only scanned.</summary>
internal static class Planted
{
    internal static readonly double Ratio = Environment.TickCount64;
    internal static int counter = Environment.ProcessId;

    internal static void Parameter(float _) { }

    internal static long Local(long value)
    {
        decimal exact = value;
        return (long)(exact * (long)(value * 0.5));
    }

    internal static long Called(long value) => Math.Sign(Math.Sqrt(value));

    internal static List<Half[]> Inside() => [];

    internal static int Reads(string path) => File.ReadAllBytes(path).Length;

    internal static void Prints() => Console.WriteLine();

    internal static long Tells() => DateTime.UtcNow.Ticks;

    internal static long Measures() => Stopwatch.GetTimestamp();

    internal static int Counts() => Environment.ProcessorCount;

    internal static object Runs() => Task.Run(() => counter);

    internal static int Draws() => Random.Shared.Next();

    internal static int Shows() => Greeks.Of(true, 1, 2, 3, 4, 5).GetHashCode();

    internal static void Hands(GreekColumns _) { }
}

/// <summary>What looks like a breach and is none.</summary>
internal static class Unplanted
{
    private const string Name = "System.Double";
    private static readonly long[] Table = [3, 5, 7];

    internal static long Sum(ReadOnlySpan<long> values, Func<long, long>? map = null)
    {
        long sum = Name.Length;
        foreach (long value in values) sum += (map ?? (x => x + Table[0]))(Math.Max(value, Math.DivRem(value, 3).Quotient));
        return sum;
    }

    internal static DateTime Parse(long ticks) => new(ticks, DateTimeKind.Utc);
}
