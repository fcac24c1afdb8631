namespace Rollup.Gossip;

/// <summary>What becomes of a message that arrived.</summary>
public enum GossipVerdict
{
    /// <summary>It is forwarded.</summary>
    Accept,

    /// <summary>It is not forwarded; whoever sent it is not at fault.</summary>
    Ignore,

    /// <summary>It is not forwarded, and no honest node sends it.</summary>
    Reject,
}

/// <summary>Why a request has no answer.</summary>
public enum GossipFault
{
    None,

    /// <summary>Not connected, gone, or silent for too long.</summary>
    Unreachable,

    /// <summary>The answer was longer than any answer may be.</summary>
    Oversize,
}

/// <summary>A peer's answer; empty if it has nothing.</summary>
public readonly record struct GossipReply(ReadOnlyMemory<byte> Data, GossipFault Fault);

/// <summary>What a node of the network is started with.</summary>
/// <param name="KeyFile">Identity in the network, made if absent; it signs no content and holds no funds.</param>
/// <param name="Listen">Multiaddresses, e.g. /ip4/0.0.0.0/tcp/9000.</param>
/// <param name="Peers">Multiaddresses with /p2p/ID that are dialled for ever.</param>
/// <param name="Topics">To take part in; messages of others are refused.</param>
/// <param name="Protocol">Name of the request protocol.</param>
/// <param name="MaxMessage">Bytes of a message or an answer.</param>
/// <param name="MaxConnections">Peers at the same time.</param>
public sealed record GossipOptions(
    string KeyFile, IReadOnlyList<string> Listen, IReadOnlyList<string> Peers, IReadOnlyList<string> Topics, string Protocol, int MaxMessage, int MaxConnections = 64);

/// <summary>Whoever is told what arrives. Calls come one at a time, and must not block.</summary>
public interface IGossipHandler
{
    /// <summary>A message that was not seen before; it is forwarded only if accepted.</summary>
    /// <param name="peer">Who passed it on, not who wrote it.</param>
    GossipVerdict Received(string peer, string topic, ReadOnlyMemory<byte> data);

    /// <summary>Answers a request of at most 64 bytes; null for nothing.</summary>
    byte[]? Requested(string peer, ReadOnlyMemory<byte> request);

    void Connected(string peer);

    void Disconnected(string peer);
}

/// <summary>A node of a gossip network (libp2p: gossipsub, noise, yamux over TCP).</summary>
public interface IGossip : IAsyncDisposable
{
    /// <summary>Its identity; empty before it has started.</summary>
    string Self { get; }

    /// <summary>Where others reach it, with its identity; empty before it has started.</summary>
    IReadOnlyList<string> Addresses { get; }

    /// <summary>Starts, and returns when it can be reached. It stays up until disposed.</summary>
    /// <exception cref="GossipException">It does not start: port in use, unusable key file or address.</exception>
    Task StartAsync(GossipOptions options, IGossipHandler handler, CancellationToken cancellation);

    /// <summary>Sends to all that take part in the topic; best effort.</summary>
    void Publish(string topic, ReadOnlySpan<byte> data);

    /// <summary>Asks one connected peer.</summary>
    Task<GossipReply> RequestAsync(string peer, ReadOnlyMemory<byte> request, CancellationToken cancellation);

    /// <summary>Ends the connection, and takes none of this peer for so long.</summary>
    void Ban(string peer, TimeSpan time);
}

/// <summary>The network cannot be started.</summary>
public sealed class GossipException(string message, Exception? inner = null) : Exception(message, inner);
