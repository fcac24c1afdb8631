using Rollup.Ethereum;

namespace Rollup.Cli;

/// <summary>A command that cannot be carried out; the message says why and what to do.</summary>
internal sealed class CliException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Encrypted wallet files, and their passwords, which come from a file of its owner's alone or from the terminal.</summary>
internal static class Wallets
{
    private const UnixFileMode Others = (UnixFileMode)0b_000_111_111;
    private const int MaxPasswordBytes = 4096;

    internal static EthereumKey Load(string keystore, string? passwordFile) => Keystore.Load(keystore, Password(passwordFile));

    internal static EthereumKey Create(string keystore, string? passwordFile, bool isLight)
    {
        var key = EthereumKey.Generate();
        Keystore.Save(keystore, key, Password(passwordFile), isLight ? ScryptCost.Light : ScryptCost.Standard);
        return key;
    }

    internal static string Password(string? file)
    {
        if (file is null) return Prompt();
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & Others) != 0) throw new CliException($"Others may read the password file {file}: run chmod 600 {file}.");
            if (new FileInfo(file).Length > MaxPasswordBytes) throw new CliException($"The password file {file} has more than {MaxPasswordBytes} bytes.");
            return File.ReadAllText(file).TrimEnd('\r', '\n');
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"The password file cannot be read: {error.Message}", error);
        }
    }

    private static string Prompt()
    {
        if (Console.IsInputRedirected) throw new CliException("No terminal to ask for the keystore's password: name a file with --password-file.");
        Console.Error.Write("Password of the keystore: ");
        var typed = new System.Text.StringBuilder();
        for (ConsoleKeyInfo key; (key = Console.ReadKey(intercept: true)).Key != ConsoleKey.Enter;)
        {
            if (key.Key == ConsoleKey.Backspace && typed.Length > 0) typed.Length--;
            else if (!char.IsControl(key.KeyChar)) typed.Append(key.KeyChar);
        }

        Console.Error.WriteLine();
        return typed.ToString();
    }
}
