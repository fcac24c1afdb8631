using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Rollup.Api;
using Rollup.Protocol;
using Rollup.Sequencer.Core;

namespace Rollup.Sequencer.Web;

/// <summary>Writes answers and refusals.</summary>
internal static class Answers
{
    internal const string Json = "application/json";

    /// <summary>The HTTP status of a refusal.</summary>
    internal static int StatusOf(int code) => code switch
    {
        (int)RejectCode.Malformed => StatusCodes.Status400BadRequest,
        (int)HostCode.NotFound => StatusCodes.Status404NotFound,
        (int)HostCode.Unauthorized => StatusCodes.Status401Unauthorized,
        (int)HostCode.RateLimited => StatusCodes.Status429TooManyRequests,
        (int)HostCode.TooLarge => StatusCodes.Status413PayloadTooLarge,
        >= (int)HostCode.NotFound => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status422UnprocessableEntity,
    };

    internal static Task WriteAsync<T>(this HttpResponse response, T value, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        response.StatusCode = status;
        response.ContentType = Json;
        response.ContentLength = body.Length;
        return response.Body.WriteAsync(body).AsTask();
    }

    internal static Task RefuseAsync(this HttpContext context, ApiError error)
    {
        context.RequestServices.GetRequiredService<HostMetrics>().Refused(error.Code);
        return context.Response.WriteAsync(error, ApiJson.Default.ApiError, StatusOf(error.Code));
    }

    /// <summary>Reads a JSON body strictly; null after a refusal was written.</summary>
    internal static async Task<T?> ReadAsync<T>(this HttpContext context, JsonTypeInfo<T> type) where T : class
    {
        try
        {
            if (await JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted) is { } value) return value;
            await context.RefuseAsync(ApiError.Of(RejectCode.Malformed, "the body is null"));
        }
        catch (JsonException error)
        {
            await context.RefuseAsync(ApiError.Of(RejectCode.Malformed, error.Message));
        }

        return null;
    }
}
