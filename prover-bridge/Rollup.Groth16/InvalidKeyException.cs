namespace Rollup.Groth16;

/// <summary>A verification key that must not be used; the message says why.</summary>
public sealed class InvalidKeyException(string message) : FormatException(message);
