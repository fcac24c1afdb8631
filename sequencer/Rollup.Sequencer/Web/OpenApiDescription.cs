using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Rollup.Crypto;
using Rollup.Protocol;

namespace Rollup.Sequencer.Web;

/// <summary>Says in the OpenAPI document what the serialiser's own converters write.</summary>
internal static class OpenApiDescription
{
    internal static void Configure(OpenApiOptions options)
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Rollup sequencer", Version = "v1",
                Description = "Sizes are lots, prices atoms (10^-6 USD) per lot, times Unix milliseconds. Every refusal is an ApiError with a stable code (spec/protocol.json, and from 1000 the host's own).",
            };
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, context, _) =>
        {
            Type type = Nullable.GetUnderlyingType(context.JsonTypeInfo.Type) ?? context.JsonTypeInfo.Type;
            if (type == typeof(Fr)) Text(schema, "^0x[0-9a-fA-F]{64}$", "A field element below the order of BN254's scalar field.");
            else if (type == typeof(EddsaSignature)) Text(schema, "^0x[0-9a-fA-F]{192}$", "EdDSA-Poseidon: R8.x, R8.y, S, 32 bytes each.");
            else if (type == typeof(Address)) Text(schema, "^0x[0-9a-fA-F]{40}$", "An L1 address.");
            else if (type.IsEnum)
            {
                Text(schema, null, null);
                schema.Enum = [.. Enum.GetNames(type).Select(name => (System.Text.Json.Nodes.JsonNode)System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName(name)!)];
            }

            return Task.CompletedTask;
        });
    }

    private static void Text(OpenApiSchema schema, string? pattern, string? description)
    {
        schema.Type = JsonSchemaType.String;
        schema.Properties = null;
        schema.Required = null;
        schema.Pattern = pattern;
        schema.Description = description;
    }
}
