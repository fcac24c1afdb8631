namespace Rollup.Groth16.Formats;

/// <summary>A file is not what its format demands: says which file, which section of it, and where.</summary>
public sealed class BinaryFormatException : FormatException
{
    /// <summary>Creates the error.</summary>
    /// <param name="file">Path or given name of the file.</param>
    /// <param name="section">Section id inside the file; null when the container itself (or a text file) is at fault.</param>
    /// <param name="offset">Byte offset from the start of the file, 0 or more.</param>
    /// <param name="problem">What is wrong, and what was expected.</param>
    /// <param name="inner">The cause, where another error led here.</param>
    public BinaryFormatException(string file, uint? section, long offset, string problem, Exception? inner = null)
        : base($"{file}: {(section is { } id ? $"section {id}, " : "")}offset {offset}: {problem}", inner)
    {
        File = file;
        Section = section;
        Offset = offset;
    }

    /// <summary>Path or given name of the file.</summary>
    public string File { get; }

    /// <summary>Section id, or null when no section is at fault.</summary>
    public uint? Section { get; }

    /// <summary>Byte offset from the start of the file.</summary>
    public long Offset { get; }
}
