using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine;

/// <summary>What a command does. Stable numbers: hosts journal them.</summary>
public enum CommandKind
{
    Tick = 1,
    Request = 2,
    Operation = 3,
    OpenEpoch = 4,
    Seal = 5,
    LiveRisk = 6,
    Permit = 7,
    Convert = 8,
    Bid = 10,
}

/// <summary>An operation of the vault's queue as the chain shows it.</summary>
/// <param name="Index">Its place in the queue, from 0.</param>
/// <param name="Depositor">Whom a bounce pays.</param>
/// <param name="ViewKey">Of a registration: the key its owner disclosed to the operator, or null.</param>
public sealed record QueuedOperation(long Index, Operation Operation, Address Depositor, Fr? ViewKey);

/// <summary>One input of the engine. Time is part of it: the engine never asks for the time.</summary>
public readonly record struct Command
{
    private Command(CommandKind kind, Timestamp time, object? payload) => (Kind, Time, Payload) = (kind, time, payload);

    public CommandKind Kind { get; }
    public Timestamp Time { get; }

    internal object? Payload { get; }

    /// <summary>Time passes: orders past their expiry leave the book.</summary>
    public static Command Tick(Timestamp time) => new(CommandKind.Tick, time, null);

    /// <summary>An order, a withdrawal or a cancel.</summary>
    public static Command Request(Timestamp time, VerifiedRequest request) => new(CommandKind.Request, time, request);

    /// <summary>The next operation of the vault's queue.</summary>
    public static Command Operation(Timestamp time, QueuedOperation operation) => new(CommandKind.Operation, time, operation);

    /// <summary>Opens the epoch (the batch) that <paramref name="riskInputs"/> name, or gives an epoch in which nothing has executed new prices.</summary>
    /// <param name="riskInputs">Canonical bytes of <see cref="Risk.RiskInputs"/>; the engine keeps the array.</param>
    public static Command OpenEpoch(Timestamp time, byte[] riskInputs) => new(CommandKind.OpenEpoch, time, riskInputs);

    /// <summary>
    /// The newest prices within the open epoch: from now to its end a fill, and a withdrawal, also needs margin under them. They change nothing that is proven.
    /// </summary>
    /// <param name="riskInputs">Canonical bytes of <see cref="Risk.RiskInputs"/> for the open batch; the engine keeps the array.</param>
    public static Command LiveRisk(Timestamp time, byte[] riskInputs) => new(CommandKind.LiveRisk, time, riskInputs);

    /// <summary>
    /// Permits these actions in each margin group and no others, until the next such command. An engine begins with all. Deposits, cancels and conversions are
    /// always permitted.
    /// </summary>
    public static Command Permit(Timestamp time, GroupActions actions) => new(CommandKind.Permit, time, actions);

    /// <summary>Turns positions of settled instruments into cash, by account and instrument, as far as the batch has room.</summary>
    public static Command Convert(Timestamp time) => new(CommandKind.Convert, time, null);

    /// <summary>A bid for the slice of a portfolio in auction.</summary>
    public static Command Bid(Timestamp time, AuctionBid bid) => new(CommandKind.Bid, time, bid);

    /// <summary>Closes the epoch and seals its batch.</summary>
    public static Command Seal(Timestamp time) => new(CommandKind.Seal, time, null);
}
