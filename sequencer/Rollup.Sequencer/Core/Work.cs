using Rollup.Api;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Sequencer.Core;

/// <summary>An accepted command's answer, or the refusal.</summary>
internal readonly record struct Answer<T>(T? Value, ApiError? Error) where T : class
{
    public static implicit operator Answer<T>(T value) => new(value, null);
    public static implicit operator Answer<T>(ApiError error) => new(null, error);
}

/// <summary>Something for the core to do.</summary>
internal abstract class Work
{
    /// <summary>Told instead of anything else if the core stops first.</summary>
    internal virtual void Refuse(ApiError error) { }
}

/// <summary>Work that becomes a journaled command.</summary>
internal abstract class CommandWork : Work
{
    /// <summary>Whether the command fits no batch but a new one, and was tried in the present one.</summary>
    internal bool IsRetry { get; set; }

    internal abstract HostCommand At(Timestamp time);

    /// <summary>Told once the command is durable and applied.</summary>
    internal abstract void Complete(Applied applied, ulong sequence);
}

/// <summary>A request whose signature was verified.</summary>
internal sealed class RequestWork(SignedRequest request, EddsaSignature signature) : CommandWork
{
    private readonly TaskCompletionSource<Answer<RequestResult>> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal SignedRequest Request => request;

    internal Task<Answer<RequestResult>> Completion => completion.Task;

    internal override HostCommand At(Timestamp time) => new RequestCommand(time, request, signature);

    internal override void Complete(Applied applied, ulong sequence) => completion.TrySetResult(applied.Result is { } result ? result : ApiError.Of(applied.Code));

    internal override void Refuse(ApiError error) => completion.TrySetResult(error);
}

/// <summary>A bid in an auction, whose signatures were verified.</summary>
internal sealed class BidWork(int account, IReadOnlyList<(SignedRequest Request, EddsaSignature Signature)> orders) : CommandWork
{
    private readonly TaskCompletionSource<Answer<RequestResult>> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal Task<Answer<RequestResult>> Completion => completion.Task;

    internal override HostCommand At(Timestamp time) => new BidCommand(time, account, orders);

    internal override void Complete(Applied applied, ulong sequence) => completion.TrySetResult(applied.Result is { } result ? result : ApiError.Of(applied.Code));

    internal override void Refuse(ApiError error) => completion.TrySetResult(error);
}

/// <summary>A view key disclosed ahead of its registration.</summary>
internal sealed class ViewKeyWork(Fr viewKey) : CommandWork
{
    private readonly TaskCompletionSource<Answer<ViewKeyResult>> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal Task<Answer<ViewKeyResult>> Completion => completion.Task;

    internal override HostCommand At(Timestamp time) => new ViewKeyCommand(time, viewKey);

    internal override void Complete(Applied applied, ulong sequence) => completion.TrySetResult(new ViewKeyResult(sequence, ViewKeyStore.HashOf(viewKey)));

    internal override void Refuse(ApiError error) => completion.TrySetResult(error);
}

/// <summary>An operation of the vault's queue, as the chain shows it.</summary>
/// <param name="SeenAt">When its confirmations were complete, Unix milliseconds: the start of the grace for its view key.</param>
internal sealed record ChainOperation(long Index, Operation Operation, Rollup.Protocol.Address Depositor, long SeenAt);

/// <summary>A step of a batch, as the chain shows it.</summary>
/// <param name="NewRoot">Of a commit and a finalisation.</param>
internal sealed record ChainStep(BatchStage Stage, uint Batch, Fr? NewRoot, ulong Block);

/// <summary>What the registry asks of the next epochs: for another one the vault would freeze (spec 10.7).</summary>
/// <param name="Ranges">Least and most scan range by margin group, 10^-6; without a rule a group has any.</param>
internal sealed record RegistryRules(RiskParameters Parameters, IReadOnlyDictionary<int, (long Least, long Most)> Ranges);

/// <summary>What following the chain found, in its order.</summary>
internal sealed class ChainWork(
    IReadOnlyList<ChainOperation> operations, IReadOnlyList<ChainStep> steps, ChainPosition? position, long? proofDeadline = null, RegistryRules? registry = null) : Work
{
    /// <summary>What the next epochs take; null = as known.</summary>
    internal RegistryRules? Registry => registry;

    /// <summary>The vault's, milliseconds; null = as known.</summary>
    internal long? ProofDeadline => proofDeadline;

    internal IReadOnlyList<ChainOperation> Operations => operations;
    internal IReadOnlyList<ChainStep> Steps => steps;

    /// <summary>The last block looked at.</summary>
    internal ChainPosition? Position => position;
}

/// <summary>Reads the state between two commands.</summary>
internal sealed class ReadWork<T>(Func<Machine, T> read) : Work, IRead
{
    private readonly TaskCompletionSource<T> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal Task<T> Completion => completion.Task;

    public void Run(Machine machine)
    {
        try
        {
            completion.TrySetResult(read(machine));
        }
        catch (Exception error)
        {
            completion.TrySetException(error);
        }
    }

    internal override void Refuse(ApiError error) => completion.TrySetCanceled();
}

/// <summary>Work that only reads.</summary>
internal interface IRead
{
    void Run(Machine machine);
}

/// <summary>Seals the open batch now.</summary>
internal sealed class SealWork : Work
{
    private readonly TaskCompletionSource<Answer<BatchView>> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal Task<Answer<BatchView>> Completion => completion.Task;

    internal void Complete(Answer<BatchView> answer) => completion.TrySetResult(answer);

    internal override void Refuse(ApiError error) => completion.TrySetResult(error);
}

/// <summary>Time passes: look at what is due.</summary>
internal sealed class ClockWork : Work;
