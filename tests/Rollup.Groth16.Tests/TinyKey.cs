using Rollup.Groth16.Formats;

namespace Rollup.Groth16.Tests;

/// <summary>The development key of <see cref="TinyR1cs"/>: small enough to cut it at every byte.</summary>
internal static class TinyKey
{
    private static readonly byte[] Made = Make();

    /// <summary>A fresh copy of the file.</summary>
    public static byte[] Bytes() => [.. Made];

    /// <summary>A key with sections changed.</summary>
    /// <param name="zkey">Another .zkey than the tiny one.</param>
    public static byte[] Rewrite(Func<uint, byte[], byte[]> change, byte[]? zkey = null)
    {
        var bytes = zkey ?? Made;
        using var file = BinFile.Parse(bytes, "tiny.zkey", "zkey", 1);
        var stream = new MemoryStream();
        var writer = new BinFileWriter(stream, "zkey", 1, 10);
        for (var id = 1u; id <= 10; id++)
        {
            var (start, length) = file.Locate(id);
            writer.Begin(id);
            writer.Write(change(id, bytes[(int)start..(int)(start + length)]));
            writer.End();
        }
        writer.Complete();
        return stream.ToArray();
    }

    private static byte[] Make()
    {
        using var secret = DevSecret.FromSeed("tiny");
        var stream = new MemoryStream();
        DevKeys.Write(R1csFile.Parse(TinyR1cs.Bytes(), "tiny"), secret, stream);
        return stream.ToArray();
    }
}
