using System.Text;
using Rollup.ProverBridge.Configuration;

namespace Rollup.ProverBridge.Commands;

/// <summary>The keystore's password: from a file that only its owner may read, or typed. Never from arguments or the environment, which other users can see.</summary>
internal static class OperatorPassword
{
    private const int MaxBytes = 4096;
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    public static string Read(string? file) => file is null ? Prompt() : FromFile(file);

    private static string FromFile(string file)
    {
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & Others) != 0)
                throw new ConfigurationException($"ethereum.passwordFile: others may read {file}; take that away with chmod 600.");
            if (new FileInfo(file).Length > MaxBytes) throw new ConfigurationException($"ethereum.passwordFile: {file} has more than {MaxBytes} bytes.");
            return File.ReadAllText(file).TrimEnd('\r', '\n');
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"ethereum.passwordFile: {error.Message}", error);
        }
    }

    private static string Prompt()
    {
        if (Console.IsInputRedirected) throw new ConfigurationException("ethereum.passwordFile is not set, and there is no terminal to ask for the keystore's password.");
        Console.Error.Write("Password of the operator's keystore: ");
        var password = new StringBuilder();
        for (ConsoleKeyInfo key; (key = Console.ReadKey(intercept: true)).Key != ConsoleKey.Enter;)
        {
            if (key.Key != ConsoleKey.Backspace) password.Append(key.KeyChar);
            else if (password.Length > 0) password.Length--;
        }

        Console.Error.WriteLine();
        return password.ToString();
    }
}
