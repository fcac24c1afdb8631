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

/// <summary>A packed request as it arrived: any values.</summary>
/// <param name="Word">The packed request.</param>
/// <param name="Signature">Its signature.</param>
/// <param name="Key">The key of the account that the request names (<see cref="ClearingEngine.KeyOf"/>).</param>
public readonly record struct SignedWord(Fr Word, EddsaSignature Signature, EddsaPublicKey Key);

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

    /// <summary>Checks the form and signature of many at once, each as <see cref="Verify"/> alone does; none has an influence on another.</summary>
    /// <param name="items">Any number.</param>
    /// <param name="codes">Receives None, Malformed or BadSignature for each.</param>
    /// <exception cref="ArgumentException">There is not a code for each item.</exception>
    public void VerifyMany(ReadOnlySpan<SignedWord> items, Span<RejectCode> codes)
    {
        if (items.Length != codes.Length) throw new ArgumentException($"{items.Length} requests have {items.Length} codes, got room for {codes.Length}.", nameof(codes));
        Fr[] preimages = new Fr[2 * items.Length], messages = new Fr[items.Length];
        for (int i = 0; i < items.Length; i++) (preimages[2 * i], preimages[2 * i + 1]) = (domain, items[i].Word);
        Poseidon.HashMany(preimages, 2, messages);
        var signed = new SignedMessage[items.Length];
        for (int i = 0; i < items.Length; i++) signed[i] = new SignedMessage(items[i].Key, messages[i], items[i].Signature);
        var accepted = new bool[items.Length];
        EddsaPublicKey.VerifyMany(signed, accepted);
        for (int i = 0; i < items.Length; i++)
            codes[i] = !SignedRequest.TryUnpack(items[i].Word, out _) ? RejectCode.Malformed : accepted[i] ? RejectCode.None : RejectCode.BadSignature;
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
