using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Rollup.Architecture.Tests;

/// <summary>Something that pure code may not have: where, as outermost type and member, and what.</summary>
internal sealed record Finding(string Type, string Member, string What);

/// <summary>
/// Looks through the metadata and IL of an assembly (ECMA-335) for floating point, I/O, clocks, threads, randomness and static
/// fields that can change. It sees what the compiler made, so aliases, var and usings hide nothing.
/// </summary>
internal static class PurityScanner
{
    /// <summary>Double precision for screens. Whatever lies outside it may not refer to it, so the scan reports such references like any other breach.</summary>
    public const string Display = "Rollup.Risk.Display";

    private static readonly FrozenSet<string> BannedTypes = new[]
    {
        "System.Single", "System.Double", "System.Decimal", "System.Half", "System.Random", "System.Security.Cryptography.RandomNumberGenerator",
        "System.Console", "System.Environment", "System.TimeProvider", "System.Diagnostics.Stopwatch", "System.Diagnostics.Process",
        "System.IO.File", "System.IO.FileInfo", "System.IO.FileStream", "System.IO.Directory", "System.IO.DirectoryInfo", "System.IO.RandomAccess",
        "System.IO.StreamReader", "System.IO.StreamWriter", "System.Threading.Thread", "System.Threading.ThreadPool", "System.Threading.Timer",
    }.ToFrozenSet();

    private static readonly string[] BannedNamespaces = ["System.Net", "System.Threading.Tasks", "System.Timers", Display];

    private static readonly FrozenSet<string> BannedMembers = new[]
    {
        "System.DateTime.get_Now", "System.DateTime.get_UtcNow", "System.DateTime.get_Today", "System.DateTimeOffset.get_Now", "System.DateTimeOffset.get_UtcNow",
        "System.Guid.NewGuid", "System.Guid.CreateVersion7",
    }.ToFrozenSet();

    // The compiler puts it into every iterator, to see whether the first enumeration may reuse the object.
    private const string CompiledIntoIterators = "System.Environment.get_CurrentManagedThreadId";

    private static readonly FrozenDictionary<int, OpCode> OpCodesByValue = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToFrozenDictionary(code => code.Value & 0xFFFF);

    /// <summary>All findings in an assembly, without repetitions.</summary>
    public static IReadOnlyList<Finding> Scan(string assembly)
    {
        using var file = new PEReader(File.OpenRead(assembly));
        return new Pass(file, file.GetMetadataReader()).Run();
    }

    private sealed class Pass(PEReader file, MetadataReader metadata)
    {
        private static readonly TypeNames Names = new();
        private readonly HashSet<Finding> findings = [];

        public IReadOnlyList<Finding> Run()
        {
            foreach (TypeDefinitionHandle handle in metadata.TypeDefinitions)
            {
                TypeDefinition type = metadata.GetTypeDefinition(handle);
                string outer = OuterName(type);
                foreach (FieldDefinitionHandle field in type.GetFields()) Field(outer, type, metadata.GetFieldDefinition(field));
                foreach (MethodDefinitionHandle method in type.GetMethods()) Method(outer, metadata.GetMethodDefinition(method));
            }

            return [.. findings.OrderBy(f => f.Type, StringComparer.Ordinal).ThenBy(f => f.Member, StringComparer.Ordinal).ThenBy(f => f.What, StringComparer.Ordinal)];
        }

        private void Field(string outer, TypeDefinition type, FieldDefinition field)
        {
            string name = metadata.GetString(field.Name);
            Types(outer, name, field.DecodeSignature(Names, null));
            const FieldAttributes unchanging = FieldAttributes.InitOnly | FieldAttributes.Literal;
            // The compiler caches delegates in static fields of classes of its own ("<>c", "<>O"); nobody else can reach them.
            bool isCache = metadata.GetString(type.Name).StartsWith("<>", StringComparison.Ordinal);
            if ((field.Attributes & FieldAttributes.Static) != 0 && (field.Attributes & unchanging) == 0 && !isCache) findings.Add(new(outer, name, "static field that can change"));
        }

        private void Method(string outer, MethodDefinition method)
        {
            string name = metadata.GetString(method.Name);
            MethodSignature<ImmutableHashSet<string>> signature = method.DecodeSignature(Names, null);
            Types(outer, name, signature.ReturnType);
            foreach (ImmutableHashSet<string> parameter in signature.ParameterTypes) Types(outer, name, parameter);
            if (method.RelativeVirtualAddress == 0) return;
            MethodBodyBlock body = file.GetMethodBody(method.RelativeVirtualAddress);
            if (!body.LocalSignature.IsNil)
                foreach (ImmutableHashSet<string> local in metadata.GetStandaloneSignature(body.LocalSignature).DecodeLocalSignature(Names, null)) Types(outer, name, local);
            Code(outer, name, body.GetILReader());
        }

        private void Code(string outer, string name, BlobReader il)
        {
            while (il.RemainingBytes > 0)
            {
                int value = il.ReadByte();
                OpCode code = OpCodesByValue[value == 0xFE ? 0xFE00 | il.ReadByte() : value];
                switch (code.OperandType)
                {
                    case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType:
                        Token(outer, name, MetadataTokens.EntityHandle(il.ReadInt32()));
                        break;
                    case OperandType.InlineSwitch:
                        int cases = il.ReadInt32();
                        il.Offset += 4 * cases;
                        break;
                    default:
                        if (code.Name is "ldc.r4" or "ldc.r8" or "conv.r4" or "conv.r8" or "conv.r.un") findings.Add(new(outer, name, code.Name));
                        il.Offset += SizeOf(code.OperandType);
                        break;
                }
            }
        }

        private void Token(string outer, string name, EntityHandle handle)
        {
            switch (handle.Kind)
            {
                case HandleKind.MemberReference:
                    MemberReference member = metadata.GetMemberReference((MemberReferenceHandle)handle);
                    if (member.Parent.Kind == HandleKind.TypeReference)
                    {
                        string full = $"{Names.GetTypeFromReference(metadata, (TypeReferenceHandle)member.Parent, 0).Single()}.{metadata.GetString(member.Name)}";
                        if (full == CompiledIntoIterators) return;
                        if (BannedMembers.Contains(full)) findings.Add(new(outer, name, full));
                    }

                    Token(outer, name, member.Parent);

                    if (member.GetKind() == MemberReferenceKind.Field) Types(outer, name, member.DecodeFieldSignature(Names, null));
                    else Types(outer, name, Flat(member.DecodeMethodSignature(Names, null)));
                    break;
                case HandleKind.MethodDefinition:
                    Token(outer, name, metadata.GetMethodDefinition((MethodDefinitionHandle)handle).GetDeclaringType());
                    break;
                case HandleKind.FieldDefinition:
                    Token(outer, name, metadata.GetFieldDefinition((FieldDefinitionHandle)handle).GetDeclaringType());
                    break;
                case HandleKind.TypeDefinition:
                    Types(outer, name, Names.GetTypeFromDefinition(metadata, (TypeDefinitionHandle)handle, 0));
                    break;
                case HandleKind.MethodSpecification:
                    MethodSpecification generic = metadata.GetMethodSpecification((MethodSpecificationHandle)handle);
                    foreach (ImmutableHashSet<string> argument in generic.DecodeSignature(Names, null)) Types(outer, name, argument);
                    Token(outer, name, generic.Method);
                    break;
                case HandleKind.TypeReference:
                    Types(outer, name, Names.GetTypeFromReference(metadata, (TypeReferenceHandle)handle, 0));
                    break;
                case HandleKind.TypeSpecification:
                    Types(outer, name, metadata.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(Names, null));
                    break;
            }
        }

        private void Types(string outer, string name, ImmutableHashSet<string> types)
        {
            foreach (string type in types)
                if (BannedTypes.Contains(type) || BannedNamespaces.Any(space => type.StartsWith(space + ".", StringComparison.Ordinal))) findings.Add(new(outer, name, type));
        }

        /// <summary>The outermost type's name; with its namespace in <see cref="Display"/>, which is allowed as a whole.</summary>
        private string OuterName(TypeDefinition type)
        {
            type = Outermost(metadata, type);
            string name = metadata.GetString(type.Name);
            return metadata.GetString(type.Namespace) == Display ? $"{Display}.{name}" : name;
        }

        private static ImmutableHashSet<string> Flat(MethodSignature<ImmutableHashSet<string>> signature) => TypeNames.Union([signature.ReturnType, .. signature.ParameterTypes]);

        private static int SizeOf(OperandType operand) => operand switch
        {
            OperandType.InlineNone => 0,
            OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
            OperandType.InlineVar => 2,
            OperandType.InlineI8 or OperandType.InlineR => 8,
            _ => 4,
        };
    }

    private static TypeDefinition Outermost(MetadataReader metadata, TypeDefinition type)
    {
        while (!type.GetDeclaringType().IsNil) type = metadata.GetTypeDefinition(type.GetDeclaringType());
        return type;
    }

    /// <summary>Decodes a signature to the full names of all types in it.</summary>
    private sealed class TypeNames : ISignatureTypeProvider<ImmutableHashSet<string>, object?>
    {
        public static ImmutableHashSet<string> Union(IEnumerable<ImmutableHashSet<string>> parts) => [.. parts.SelectMany(part => part)];

        public ImmutableHashSet<string> GetPrimitiveType(PrimitiveTypeCode typeCode) => [$"System.{typeCode}"];

        public ImmutableHashSet<string> GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind)
        {
            TypeReference type = reader.GetTypeReference(handle);
            string name = reader.GetString(type.Name);
            return type.ResolutionScope.Kind == HandleKind.TypeReference
                ? [$"{GetTypeFromReference(reader, (TypeReferenceHandle)type.ResolutionScope, 0).Single()}.{name}"]
                : [$"{reader.GetString(type.Namespace)}.{name}"];
        }

        // A type of the scanned assembly: its members are looked at where they are defined.
        public ImmutableHashSet<string> GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind)
        {
            TypeDefinition type = Outermost(reader, reader.GetTypeDefinition(handle));
            return reader.GetString(type.Namespace) == Display ? [$"{Display}.{reader.GetString(type.Name)}"] : [];
        }

        public ImmutableHashSet<string> GetTypeFromSpecification(MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind) =>
            reader.GetTypeSpecification(handle).DecodeSignature(this, genericContext);

        public ImmutableHashSet<string> GetGenericInstantiation(ImmutableHashSet<string> genericType, ImmutableArray<ImmutableHashSet<string>> typeArguments) =>
            Union([genericType, .. typeArguments]);

        public ImmutableHashSet<string> GetFunctionPointerType(MethodSignature<ImmutableHashSet<string>> signature) => Union([signature.ReturnType, .. signature.ParameterTypes]);

        public ImmutableHashSet<string> GetModifiedType(ImmutableHashSet<string> modifier, ImmutableHashSet<string> unmodifiedType, bool isRequired) => unmodifiedType;

        public ImmutableHashSet<string> GetGenericMethodParameter(object? genericContext, int index) => [];

        public ImmutableHashSet<string> GetGenericTypeParameter(object? genericContext, int index) => [];

        public ImmutableHashSet<string> GetArrayType(ImmutableHashSet<string> elementType, ArrayShape shape) => elementType;

        public ImmutableHashSet<string> GetByReferenceType(ImmutableHashSet<string> elementType) => elementType;

        public ImmutableHashSet<string> GetPinnedType(ImmutableHashSet<string> elementType) => elementType;

        public ImmutableHashSet<string> GetPointerType(ImmutableHashSet<string> elementType) => elementType;

        public ImmutableHashSet<string> GetSZArrayType(ImmutableHashSet<string> elementType) => elementType;
    }
}
