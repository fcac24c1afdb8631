namespace Rollup.Crypto;

/// <summary>Which implementation of <see cref="IFieldVector{TSelf, TElement}"/> this process uses.</summary>
public enum FieldPathKind
{
    /// <summary><see cref="FieldScalar{TModulus}"/>: any machine.</summary>
    Scalar,

    /// <summary><see cref="Lanes4"/>.</summary>
    Avx2,

    /// <summary><see cref="Lanes8"/>.</summary>
    Avx512,
}

/// <summary>The environment asks for an implementation that does not exist or that the machine cannot run; the message says which are possible.</summary>
public sealed class FieldPathException(string message) : Exception(message);

/// <summary>The choice of the widest implementation that the machine has, or of the one that the environment names.</summary>
public static class FieldPath
{
    /// <summary>The variable: scalar, avx2 or avx512.</summary>
    public const string Variable = "ROLLUP_FIELD_PATH";

    private static readonly Lazy<FieldPathKind> Chosen = new(() => Choose(Environment.GetEnvironmentVariable(Variable)));

    /// <summary>The choice, made once. Every choice gives the same elements.</summary>
    /// <exception cref="FieldPathException">The variable holds another word, or names instructions that the machine does not have.</exception>
    public static FieldPathKind Current => Chosen.Value;

    /// <summary>Whether the machine has what an implementation needs.</summary>
    public static bool IsSupported(FieldPathKind path) => path switch
    {
        FieldPathKind.Avx512 => Lanes8.IsSupported,
        FieldPathKind.Avx2 => Lanes4.IsSupported,
        _ => true,
    };

    /// <summary>The implementation of a name, by default the widest supported.</summary>
    /// <exception cref="FieldPathException">Another word, or instructions that the machine does not have.</exception>
    internal static FieldPathKind Choose(string? name)
    {
        if (string.IsNullOrEmpty(name)) return IsSupported(FieldPathKind.Avx512) ? FieldPathKind.Avx512 : IsSupported(FieldPathKind.Avx2) ? FieldPathKind.Avx2 : FieldPathKind.Scalar;
        FieldPathKind path = name switch
        {
            "scalar" => FieldPathKind.Scalar,
            "avx2" => FieldPathKind.Avx2,
            "avx512" => FieldPathKind.Avx512,
            _ => throw new FieldPathException($"{Variable} is '{name}'; it can be scalar, avx2 or avx512, or be left unset."),
        };
        return IsSupported(path) ? path : throw new FieldPathException($"{Variable} is '{name}', but this machine does not have these instructions.");
    }
}
