namespace Rollup.Sequencer.Core;

/// <summary>Something that no automatic way out of is safe: the sequencer stops taking commands, keeps answering reads, and says why.</summary>
public sealed class SafeStopException(string message, Exception? inner = null) : Exception(message, inner);
