namespace Rollup.Sequencer.Storage;

/// <summary>
/// Stored data that cannot be what was written. Nothing is skipped and nothing is repaired: whoever runs the sequencer restores the file
/// from a copy, or decides what is lost.
/// </summary>
/// <param name="file">The damaged file.</param>
/// <param name="offset">Where in the file, in bytes.</param>
/// <param name="problem">What is wrong there.</param>
public sealed class StorageException(string file, long offset, string problem)
    : Exception($"{file}, offset {offset}: {problem}. The sequencer stops rather than go on without an acknowledged command; restore the file from a copy.")
{
    public string File { get; } = file;
    public long Offset { get; } = offset;
}
