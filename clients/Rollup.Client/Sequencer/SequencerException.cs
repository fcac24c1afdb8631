using Rollup.Api;

namespace Rollup.Client.Sequencer;

/// <summary>The sequencer refused a request.</summary>
public sealed class RefusedException(ApiError error) : Exception($"{error.Name} ({error.Code}): {error.Message}")
{
    public ApiError Error { get; } = error;
}

/// <summary>The sequencer cannot be reached, or answered something that is not its API. Whether a request sent to it was accepted is unknown.</summary>
public sealed class SequencerUnreachableException(string message, Exception? inner = null) : Exception(message, inner);
