using Rollup.Protocol;
using static Rollup.Engine.Tests.World;

namespace Rollup.Engine.Tests;

public class SnapshotTests
{
    private const long Rich = 1_000_000_000;

    /// <summary>In the middle of the second batch: rows, a withdrawal, a new account, a bounce, orders with and without rows, spent slots.</summary>
    private static World Busy()
    {
        World w = WithAccounts(Rich, Rich, Rich);
        Accept(w.Sell(2, EthPerp, 9, 500_000));
        Accept(w.Buy(3, EthPerp, 4, 500_000));
        Accept(w.Deposit(4, EthSpot, 31));
        Accept(w.Sell(4, EthSpot, 3, 502_000));
        w.NextEpoch();
        Accept(w.Buy(3, EthPerp, 2, 500_003));
        Accept(w.Buy(3, BtcPerp, 7, 999_995, PostOnly));
        Accept(w.Sell(2, EthPerp, 5, 500_007));
        Accept(w.Sell(2, EthPerp, 6, 500_007));
        Accept(w.Withdraw(4, EthSpot, 11));
        Accept(w.Cancel(3, 40, 3, proven: true));
        Accept(w.Register(5, 123));
        Accept(w.Deposit(9, 0, 456));
        return w;
    }

    /// <summary>What follows is the same for an engine and its restored copy.</summary>
    private static void Continue(World w)
    {
        Accept(w.Buy(4, EthPerp, 8, 500_007));
        Assert.Equal(RejectCode.InsufficientMargin, w.Sell(5, EthPerp, 1, 500_001).Code);
        Accept(w.Withdraw(5, 0, 23));
        w.NextEpoch();
        Accept(w.Sell(2, BtcPerp, 3, 999_990));
        Accept(w.Cancel(2, 2, 1));
        w.NextEpoch();
    }

    [Fact]
    public void A_restored_engine_has_the_same_digest_and_continues_the_same_way()
    {
        World original = Busy(), copy = Busy();
        Assert.Equal(original.Engine.StateDigest(), copy.Engine.StateDigest());
        copy.Engine = ClearingEngine.Restore(copy.Config, copy.Engine.Snapshot());
        Assert.Equal(original.Engine.Snapshot(), copy.Engine.Snapshot());
        Assert.Equal(original.Engine.Status, copy.Engine.Status);
        foreach (AccountId id in original.Engine.Accounts) Assert.Equivalent(original.Engine.View(id), copy.Engine.View(id), strict: true);

        Continue(original);
        Continue(copy);
        Assert.Equal(original.Engine.StateDigest(), copy.Engine.StateDigest());
        Assert.Equal(original.Engine.Status.AccountRoot, copy.Engine.Status.AccountRoot);
    }

    [Fact]
    public void Under_the_next_circuit_the_state_goes_on_without_open_orders()
    {
        World w = Busy();
        Fr domain = Fr.FromUInt64(99);
        EngineConfig next = w.Config with { Domain = domain, Profile = new CircuitProfile("next", 7, 20, 3, 2) };
        Assert.Contains("Batch 2 is not sealed", Assert.Throws<InvalidOperationException>(() => w.Engine.Upgraded(next)).Message, StringComparison.Ordinal);
        Accept(w.Seal());
        Assert.Contains("domain and profile alone", Assert.Throws<ArgumentException>(() => w.Engine.Upgraded(next with { TakerFee = FeeRate.FromPpm(1) })).Message, StringComparison.Ordinal);

        ClearingEngine before = w.Engine;
        byte[] digest = before.StateDigest();
        w.Engine = before.Upgraded(next);
        Assert.Equal(digest, before.StateDigest()); // Left as it was.
        Assert.Equal(before.Status.AccountRoot, w.Engine.Status.AccountRoot);
        Assert.Equal(before.Status.NextOperation, w.Engine.Status.NextOperation);
        Assert.Contains(before.Accounts, a => !before.View(a)!.Orders.IsEmpty);
        foreach (AccountId id in before.Accounts)
        {
            AccountView old = before.View(id)!, now = w.Engine.View(id)!;
            Assert.Equal((old.Cash, old.Health, old.Version), (now.Cash, now.Health, now.Version));
            Assert.Equal(old.Positions.AsEnumerable(), now.Positions);
            Assert.Empty(now.Orders);
            Assert.Equal(now.Health, now.ReservedHealth); // Nothing is kept for orders.
        }

        w.Now += 1_000;
        w.Opened();
        Accept(w.Sell(2, EthPerp, 3, 500_000));
        Accept(w.Buy(3, EthPerp, 3, 500_000));
        SealedBatch batch = Accept(w.Seal()).Batch!;
        Assert.Equal(("next", domain, before.Status.AccountRoot, 3u), (batch.Profile, batch.Domain, batch.OldRoot, batch.Header.Batch));
        SealedBatchChecker.Check(next, batch);
    }

    [Fact]
    public void A_profile_without_room_for_what_an_account_holds_is_refused()
    {
        World w = WithAccounts(Rich, Rich);
        Accept(w.Sell(2, EthPerp, 4, 500_000));
        Accept(w.Buy(3, EthPerp, 4, 500_000));
        Accept(w.Sell(2, FarPerp, 4, 3_000_000));
        Accept(w.Buy(3, FarPerp, 4, 3_000_000));
        Accept(w.Seal());
        Assert.Contains("account 2 holds too much", Assert.Throws<ArgumentException>(() => w.Engine.Upgraded(w.Config with { Profile = World.Profile with { Buckets = 1 } })).Message, StringComparison.Ordinal);
        Assert.Equal(w.Engine.Status.AccountRoot, w.Engine.Upgraded(w.Config with { Profile = World.Profile with { Rows = 3 } }).Status.AccountRoot);
    }

    [Fact]
    public void A_restored_engine_seals_the_same_batch()
    {
        World original = Busy();
        ClearingEngine copy = ClearingEngine.Restore(original.Config, original.Engine.Snapshot());
        SealedBatch batch = Accept(original.Seal()).Batch!;
        SealedBatch again = copy.Apply(original.Log[^1]).Batch!;
        Assert.Equivalent(batch, again, strict: true);
        SealedBatchChecker.Check(original.Config, again);
        // The depositor of an operation and what bounced survive as well.
        Assert.Equal(batch.Operations.AsEnumerable(), again.Operations);
        Assert.Null(again.Operations[^1].Block);
    }

    [Fact]
    public void The_digest_sees_time_priority()
    {
        World a = WithAccounts(Rich, Rich), b = WithAccounts(Rich, Rich);
        var first = a.Order(2, EthPerp, false, 3, 499_000);
        var second = a.Order(3, EthPerp, false, 3, 499_000);
        Accept(a.Send(first));
        Accept(a.Send(second));
        Accept(b.Send(second));
        Accept(b.Send(first));
        Assert.NotEqual(a.Engine.StateDigest(), b.Engine.StateDigest());
    }

    [Fact]
    public void Replaying_the_commands_gives_the_same_state_and_batches()
    {
        World w = Busy();
        Continue(w);
        var replay = new ClearingEngine(w.Config);
        foreach (Command command in w.Log) replay.Apply(command);
        Assert.Equal(w.Engine.StateDigest(), replay.StateDigest());
    }

    [Fact]
    public void Another_configuration_version_or_damage_is_refused()
    {
        World w = Busy();
        byte[] good = w.Engine.Snapshot();
        ClearingEngine.Restore(w.Config, good);
        Assert.Contains("configuration", Assert.Throws<InvalidDataException>(() => ClearingEngine.Restore(w.Config with { MaxEpoch = 59_999 }, good)).Message);
        Assert.Contains("configuration", Assert.Throws<InvalidDataException>(() => ClearingEngine.Restore(w.Config with { TakerFee = FeeRate.Zero }, good)).Message);
        byte[] newer = [.. good];
        newer[0] = 200;
        Assert.Contains("version 200", Assert.Throws<InvalidDataException>(() => ClearingEngine.Restore(w.Config, newer)).Message);
        Assert.Contains("after its end", Assert.Throws<InvalidDataException>(() => ClearingEngine.Restore(w.Config, [.. good, 0])).Message);
        for (int length = 0; length < good.Length; length += 101)
            Assert.Throws<InvalidDataException>(() => ClearingEngine.Restore(w.Config, good.AsSpan(0, length).ToArray()));
    }

    [Fact]
    public void Damaged_bytes_are_refused_or_restored_but_never_crash_otherwise()
    {
        World w = Busy();
        byte[] good = w.Engine.Snapshot();
        var random = new Random(5);
        for (int i = 0; i < 150; i++)
        {
            byte[] bad = [.. good];
            bad[random.Next(good.Length)] ^= (byte)(1 << random.Next(8));
            Exception? e = Record.Exception(() => ClearingEngine.Restore(w.Config, bad));
            Assert.True(e is null or InvalidDataException, e?.ToString());
        }
    }

    [Fact]
    public void Genesis_is_the_protocols()
    {
        var engine = new ClearingEngine(new World().Config);
        Assert.Equal([0, 1], engine.Accounts.Select(a => a.Value));
        Assert.Equal((0u, false, 0L), (engine.Status.Batch, engine.Status.IsOpen, engine.Status.NextOperation));
        Assert.Equal(engine.StateDigest(), ClearingEngine.Restore(engine.Config, engine.Snapshot()).StateDigest());
        Assert.Equal(engine.Status.AccountRoot, ClearingEngine.Restore(engine.Config, engine.Snapshot()).Status.AccountRoot);
    }
}
