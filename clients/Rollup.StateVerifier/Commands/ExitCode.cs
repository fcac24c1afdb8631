using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Checks;
using Rollup.StateVerifier.Exits;

namespace Rollup.StateVerifier.Commands;

/// <summary>Exit codes besides those of failed checks (<see cref="Check"/>, from 10): stable, never reused.</summary>
internal static class ExitCode
{
    public const int Holds = 0;
    public const int Usage = 2;
    public const int Unreachable = 3;
    public const int MalformedAnswer = 4;
    public const int MalformedCopy = 5;
    public const int Reorganised = 6;
    public const int NoExit = 7;
    public const int NotSent = 8;
    public const int Cancelled = 130;

    /// <summary>The code and name of a failure that is to be expected; null for a defect of this program.</summary>
    public static (int Code, string Name)? Of(Exception e) => e switch
    {
        CheckFailedException failed => ((int)failed.Check, failed.Check.Name()),
        UsageException or KeyFileException or KeystoreException or SecretFileException or FieldPathException => (Usage, "usage"),
        NoExitException => (NoExit, "no-exit"),
        FeeTooHighException or TransactionPendingException => (NotSent, "not-sent"),
        EthereumUnreachableException => (Unreachable, "unreachable"),
        EthereumException => (MalformedAnswer, "malformed-answer"),
        SavedCopyException => (MalformedCopy, "malformed-copy"),
        ChainReorganisedException => (Reorganised, "reorganised"),
        OperationCanceledException => (Cancelled, "cancelled"),
        IOException or UnauthorizedAccessException => (Usage, "usage"),
        _ => null,
    };
}

/// <summary>Arguments that do not go together or have another form.</summary>
internal sealed class UsageException(string message) : Exception(message);
