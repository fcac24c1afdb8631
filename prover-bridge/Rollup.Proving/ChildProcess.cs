using System.Diagnostics;
using System.Text;

namespace Rollup.Proving;

/// <summary>A program that the bridge runs: its standard error is kept as a short tail, and it is ended with all its children.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int TailLength = 2000;
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);

    private readonly Process process;
    private readonly string name;
    private readonly Task errors;
    private readonly StringBuilder tail = new();

    private ChildProcess(Process process, string name)
    {
        (this.process, this.name) = (process, name);
        errors = ReadErrorsAsync();
    }

    /// <exception cref="ProverException">The program cannot be started.</exception>
    public static ChildProcess Start(string program, IEnumerable<string> arguments, string? folder = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder ?? "",
        };
        try
        {
            return new ChildProcess(Process.Start(start)!, Path.GetFileName(program));
        }
        catch (Exception error) when (error is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            throw new ProverException(ProverFault.NotStarted, $"{program} cannot be started: {error.Message}", error);
        }
    }

    public int Id => process.Id;

    public bool IsAlive => !process.HasExited;

    public StreamWriter Input => process.StandardInput;

    public Stream Output => process.StandardOutput.BaseStream;

    /// <summary>Resident memory in bytes; 0 if it has ended.</summary>
    public long Memory => Measure(p => p.WorkingSet64);

    /// <summary>The highest resident memory so far in bytes; 0 if it has ended.</summary>
    public long PeakMemory => Measure(p => p.PeakWorkingSet64);

    /// <summary>Waits for the end, and for the last of its standard error.</summary>
    /// <returns>The exit code; 128 + n if signal n ended it.</returns>
    public async Task<int> WaitAsync(CancellationToken cancellation)
    {
        await process.WaitForExitAsync(cancellation);
        await errors.WaitAsync(cancellation);
        return process.ExitCode;
    }

    public void Kill()
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It ended by itself meanwhile.
        }
    }

    /// <summary>The last of what it said on standard error, in one line; for messages.</summary>
    public string Tail()
    {
        lock (tail) return tail.Length == 0 ? $"{name} said nothing" : $"{name} said: {tail.ToString().Trim().ReplaceLineEndings(" | ")}";
    }

    /// <summary>Closes its standard input, and ends it if it does not end by itself.</summary>
    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(Farewell);
        try
        {
            process.StandardInput.Close();
            await process.WaitForExitAsync(patience.Token);
        }
        catch (Exception error) when (error is OperationCanceledException or IOException)
        {
            Kill();
            await process.WaitForExitAsync(CancellationToken.None);
        }

        process.Dispose();
    }

    private long Measure(Func<Process, long> what)
    {
        try
        {
            process.Refresh();
            return process.HasExited ? 0 : what(process);
        }
        catch (InvalidOperationException)
        {
            return 0;
        }
    }

    private async Task ReadErrorsAsync()
    {
        var buffer = new char[1024];
        try
        {
            for (int count; (count = await process.StandardError.ReadAsync(buffer)) > 0;)
            {
                lock (tail)
                {
                    tail.Append(buffer, 0, count);
                    if (tail.Length > TailLength) tail.Remove(0, tail.Length - TailLength);
                }
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // The process is gone.
        }
    }
}
