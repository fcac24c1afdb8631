using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Engine;

/// <summary>
/// A request whose signature holds under <see cref="Key"/>. Only <see cref="RequestVerifier"/> makes one, so that hosts verify in
/// parallel, outside the engine; the engine checks that the key is the account's.
/// </summary>
public sealed class VerifiedRequest
{
    internal VerifiedRequest(in SignedRequest request, in EddsaSignature signature, in EddsaPublicKey key)
    {
        Request = request;
        Signature = signature;
        Key = key;
    }

    public SignedRequest Request { get; }
    public EddsaSignature Signature { get; }
    public EddsaPublicKey Key { get; }
}

/// <summary>Stands in front of the engine: turns signed words into requests. Safe for concurrent use.</summary>
/// <param name="domain">The vault's signing domain (spec 4.1).</param>
public sealed class RequestVerifier(Fr domain)
{
    /// <summary>Checks a request's form and signature (spec 4.2, 4.5).</summary>
    /// <param name="word">The packed request.</param>
    /// <param name="signature">Any values.</param>
    /// <param name="key">The key of the account that the request names (<see cref="ClearingEngine.KeyOf"/>).</param>
    /// <param name="request">The result, if the code is None.</param>
    /// <returns>None, Malformed or BadSignature.</returns>
    public RejectCode Verify(in Fr word, in EddsaSignature signature, in EddsaPublicKey key, out VerifiedRequest? request)
    {
        request = null;
        if (!SignedRequest.TryUnpack(word, out SignedRequest unpacked)) return RejectCode.Malformed;
        if (!key.Verify(Poseidon.Hash(domain, word), signature)) return RejectCode.BadSignature;
        request = new VerifiedRequest(unpacked, signature, key);
        return RejectCode.None;
    }

    /// <summary>
    /// Takes a request back without checking its signature. For records that this host verified, journaled with a checksum, and replays.
    /// </summary>
    /// <returns>None or Malformed.</returns>
    public static RejectCode Restore(in Fr word, in EddsaSignature signature, in EddsaPublicKey key, out VerifiedRequest? request)
    {
        bool isRequest = SignedRequest.TryUnpack(word, out SignedRequest unpacked);
        request = isRequest ? new VerifiedRequest(unpacked, signature, key) : null;
        return isRequest ? RejectCode.None : RejectCode.Malformed;
    }
}
