using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Rollup.Sequencer.Storage;

/// <summary>Files that are whole or absent after a crash, also of the machine.</summary>
public static class DurableFile
{
    /// <summary>Ending of a file that is still being written; whoever finds one at the start may delete it.</summary>
    public const string TemporarySuffix = ".tmp";

    /// <summary>Opens a file that only its owner may read: what is stored holds view keys.</summary>
    public static FileStream Open(string path, FileMode mode, FileShare share = FileShare.Read)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.Write, Share = share, BufferSize = 0 };
        if (!OperatingSystem.IsWindows() && mode is FileMode.Create or FileMode.CreateNew or FileMode.OpenOrCreate)
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new FileStream(path, options);
    }

    /// <summary>Creates a directory, if it is absent, for its owner alone.</summary>
    public static void CreateDirectory(string path)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Writes to a temporary file, forces it to the disk, and gives it its name: readers see the old file or the new one.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        string temporary = path + TemporarySuffix;
        using (FileStream stream = Open(temporary, FileMode.Create, FileShare.None))
        {
            stream.Write(content);
            stream.Flush(flushToDisk: true);
        }

        Rename(temporary, path);
    }

    /// <summary>Gives a file that is on the disk another name in its directory, in the place of what had it.</summary>
    public static void Rename(string from, string to)
    {
        File.Move(from, to, overwrite: true);
        FlushDirectory(Path.GetDirectoryName(Path.GetFullPath(to))!);
    }

    /// <summary>Removes what a crash left half-written in a directory, if it exists. Only for who alone writes there.</summary>
    public static void RemoveUnfinished(string directory)
    {
        if (!Directory.Exists(directory)) return;
        foreach (string unfinished in Directory.EnumerateFiles(directory, "*" + TemporarySuffix)) File.Delete(unfinished);
    }

    /// <summary>Forces a directory's entries to the disk: a new or renamed file survives a power cut only afterwards.</summary>
    public static void FlushDirectory(string path)
    {
        // The framework opens no directories, and Windows needs no such flush.
        if (OperatingSystem.IsWindows()) return;
        int descriptor = Open(path, 0);
        if (descriptor < 0) throw Failed("open", path);
        try
        {
            if (Sync(descriptor) != 0) throw Failed("fsync", path);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Failed(string call, string path) =>
        new($"{call} of directory {path} failed: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");

    [DllImport("libc", EntryPoint = "open", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int Sync(int descriptor);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    private static extern int Close(int descriptor);
}
