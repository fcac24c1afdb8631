using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Rollup.Api;
using Rollup.Crypto;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Web;

/// <summary>Who may read an account, who is the operator, and how often an account may ask.</summary>
/// <param name="operatorToken">The operator's secret; null closes the operator's endpoints.</param>
internal sealed class AccessControl(SequencerConfig config, SequencerCore core, TimeProvider clock, string? operatorToken)
{
    private readonly Fr domain = config.ToEngine().Domain;
    private readonly byte[]? operatorHash = operatorToken is null ? null : SHA256.HashData(Encoding.UTF8.GetBytes(operatorToken));
    private readonly ConcurrentDictionary<int, TokenBucket> budgets = new();

    /// <summary>Whether anybody may read the account.</summary>
    internal bool IsPublic(int account) => core.Keys.IsPublic(account);

    /// <summary>Null if the signature proves, now, that the account's key asks; else the refusal.</summary>
    internal ApiError? Check(int account, long time, in EddsaSignature signature)
    {
        if (core.Keys[account] is not { } key) return ApiError.Of(HostCode.NotFound, $"account {account}");
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds(), validity = (long)AccessChallenge.Validity.TotalMilliseconds;
        if (time < now - validity || time > now + validity) return ApiError.Of(HostCode.Unauthorized, $"the signed time is not within {validity} ms of the sequencer's clock");
        return key.Verify(AccessChallenge.Message(domain, account, time), signature) ? null : ApiError.Of(HostCode.Unauthorized, "the signature does not hold");
    }

    /// <summary>Whether the account may send another signed request now. Only for requests whose signature holds: nobody spends another's budget.</summary>
    internal bool TryTake(int account) =>
        budgets.GetOrAdd(account, _ => new TokenBucket(config.Limits.AccountRequestsPerSecond, 2 * config.Limits.AccountRequestsPerSecond, clock)).TryTake();

    /// <summary>Whether the header is the operator's token. Compared in constant time, and by hash, so that not even its length shows.</summary>
    internal bool IsOperator(string? authorization)
    {
        const string Scheme = "Bearer ";
        if (operatorHash is null || authorization is null || !authorization.StartsWith(Scheme, StringComparison.Ordinal)) return false;
        return CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(authorization[Scheme.Length..])), operatorHash);
    }
}
