using System.Numerics;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Engine.Tests;

/// <summary>
/// The engine's rules once more, for reading: lists, big integers, everything from scratch at every step. A command runs on a copy
/// of the whole state, which is thrown away if the command is rejected.
/// </summary>
internal sealed class NaiveEngine(EngineConfig config)
{
    private readonly long reserveRate = Math.Max(config.MakerFee.Ppm, config.TakerFee.Ppm);
    private readonly Dictionary<int, InstrumentSpec> specs = config.Instruments.ToDictionary(t => t.Id);
    private NaiveState s = NaiveState.Genesis();
    private NaiveState start = NaiveState.Genesis();
    private long time;

    internal NaiveState State => s;

    internal (RejectCode Code, List<EngineEvent> Events) Apply(in Command command)
    {
        NaiveState before = start = s;
        s = s.Copy();
        time = command.Time.Milliseconds;
        RejectCode code = time < before.Time ? RejectCode.TimeWentBack : Run(command);
        if (code == RejectCode.None) s.Time = time;
        else s = before;
        return (code, code == RejectCode.None ? s.Events : []);
    }

    internal BigInteger ReservedHealth(NaiveAccount a) => s.Health(a, s.OrdersOf(a.Id), reserveRate);

    private bool IsExecuting => s.IsOpen && time <= s.Open + config.MaxEpoch;

    private RejectCode Run(in Command command)
    {
        switch (command.Kind)
        {
            case CommandKind.Tick:
                CloseWhere(o => o.Request.Expiry <= time ? RejectCode.Expired : RejectCode.None);
                return RejectCode.None;
            case CommandKind.Request: return Request((VerifiedRequest)command.Payload!);
            case CommandKind.Operation: return Operation((QueuedOperation)command.Payload!);
            case CommandKind.OpenEpoch: return OpenEpoch((byte[])command.Payload!);
            case CommandKind.LiveRisk: return LiveRisk((byte[])command.Payload!);
            case CommandKind.Convert: return Convert();
            case CommandKind.Permit:
                s.Permitted = (GroupActions)command.Payload!;
                return RejectCode.None;
            default: return Seal();
        }
    }

    // ---- requests ----

    private RejectCode Request(VerifiedRequest verified)
    {
        SignedRequest r = verified.Request;
        if (!s.Accounts.TryGetValue(r.Account, out NaiveAccount? a)) return RejectCode.UnknownAccount;
        if (a.Id < 2 || verified.Key != World.KeyOf(a.Id).PublicKey) return RejectCode.NotOwner;
        if (r.Nonce == 0) return RejectCode.Malformed;
        if (r.Expiry <= time) return RejectCode.Expired;
        if (s.Served.Contains(a.Id) && (r.Kind != RowKind.Cancel || r.Flags != 0)) return RejectCode.RequestServed;
        return r.Kind switch { RowKind.Order => Place(a, r), RowKind.Withdrawal => Withdraw(a, r), RowKind.Cancel => Cancel(a, r), _ => RejectCode.Malformed };
    }

    private RejectCode SlotCode(NaiveAccount a, SignedRequest r)
    {
        if (r.Nonce <= a.Seen.GetValueOrDefault(r.Slot)) return RejectCode.ReplayedNonce;
        return s.OrdersOf(a.Id).Any(o => o.Request.Slot == r.Slot) ? RejectCode.SlotBusy : RejectCode.None;
    }

    private RejectCode Place(NaiveAccount a, SignedRequest r)
    {
        if (!IsExecuting) return RejectCode.EpochClosed;
        if (!OrderFlags.TryDecode(r.Flags, out OrderFlags f)) return RejectCode.Malformed;
        if (!specs.TryGetValue(r.Instrument, out InstrumentSpec? spec)) return RejectCode.UnknownInstrument;
        if (TradableCode(r.Instrument) is var tradable and not RejectCode.None) return tradable;
        if (r.Size == 0) return RejectCode.ZeroSize;
        if (r.Size < spec.MinSize || r.Size >= 1L << 44) return RejectCode.SizeOutOfRange;
        if (r.Limit == 0 && !(f.Market && r.IsSell)) return RejectCode.PriceOutOfRange;
        if (!f.Market && r.Limit % spec.Tick != 0) return RejectCode.PriceOffTick;
        if ((!f.PostOnly && r.FeeRate < config.TakerFee.Ppm) || (!f.IsImmediate && r.FeeRate < config.MakerFee.Ppm)) return RejectCode.FeeRateTooLow;
        bool onlyReduces = f.ReduceOnly || (f.IsImmediate && r.Size <= Closable(r.IsSell, a.Size(r.Instrument)));
        if (!s.Permitted[spec.Group].HasFlag(onlyReduces ? RiskActions.Reduce : RiskActions.Open)) return RejectCode.NotPermitted;
        if (SlotCode(a, r) is var slot and not RejectCode.None) return slot;
        if (!f.IsImmediate && s.OrdersOf(a.Id).Count >= config.MaxOpenOrders) return RejectCode.OpenOrdersFull;
        if (!f.IsImmediate && s.Orders.Count(o => o.Request.Instrument == r.Instrument) >= config.MaxBookOrders) return RejectCode.BookFull;
        if (RoomCode(a, r.Instrument) is var room and not RejectCode.None) return room;

        BigInteger size = a.Size(r.Instrument), closable = Closable(r.IsSell, size);
        if (f.ReduceOnly && r.Size > closable) return RejectCode.ReduceOnlyWouldIncrease;
        List<NaiveOrder> opposite = Opposite(r.Instrument, r.IsSell, r.Limit);
        if (f.PostOnly && opposite.Any(o => o.Request.Expiry > time)) return RejectCode.PostOnlyWouldTrade;
        long lots = r.Size, limit = r.Limit;
        if (f.IsImmediate)
        {
            long visible = opposite.Sum(o => o.Remaining);
            if (f.TimeInForce == TimeInForce.FillOrKill && visible < r.Size) return RejectCode.FillOrKillUnfilled;
            if (visible == 0) return RejectCode.NoLiquidity;
            lots = Math.Min(lots, visible);
            if (f.Market)
            {
                long seen = 0;
                foreach (NaiveOrder o in opposite)
                {
                    if (seen >= r.Size) break;
                    seen += o.Remaining;
                    limit = o.Request.Limit;
                }
            }
        }

        long sameSide = s.OrdersOf(a.Id).Where(o => o.Request.Instrument == r.Instrument && o.Request.IsSell == r.IsSell).Sum(o => o.Remaining);
        if (spec.Kind == InstrumentKind.Spot && r.IsSell && size - sameSide < lots) return RejectCode.InsufficientBalance;
        if ((r.IsSell ? -size : size) + sameSide + lots >= 1L << 44) return RejectCode.PositionOutOfRange;
        var asResting = new NaiveOrder(r with { Limit = limit }, lots);
        bool isExposed = s.Exposure(a, reserveRate) + lots * (s.Unit(r.Instrument) + limit + NaiveState.Fee(asResting, reserveRate)) > 1L << 57;
        bool isCovered = !isExposed && s.Health(a, [.. s.OrdersOf(a.Id), asResting], reserveRate) >= 0;
        bool isClosing = !isCovered && lots <= closable;
        if (!isCovered && !isClosing) return isExposed ? RejectCode.ExposureOutOfRange : RejectCode.InsufficientMargin;
        return Match(a, r, f, limit, isClosing);
    }

    private RejectCode Match(NaiveAccount a, SignedRequest r, OrderFlags f, long limit, bool isClosing)
    {
        long remaining = r.Size;
        var stop = RejectCode.None;
        (NaiveState State, List<EngineEvent> Events, long Remaining) mark = (s.Copy(), [], remaining);
        foreach (NaiveOrder maker in Opposite(r.Instrument, r.IsSell, limit))
        {
            if (remaining == 0) break;
            if (maker.Request.Expiry <= time)
            {
                Close(maker, RejectCode.Expired);
                continue;
            }

            if (maker.Request.Account == a.Id)
            {
                if (f.SelfTrade != SelfTradePrevention.CancelTaker) Close(maker, RejectCode.SelfTrade);
                if (f.SelfTrade == SelfTradePrevention.CancelResting) continue;
                stop = RejectCode.SelfTrade;
                break;
            }

            stop = TryFill(a, r, maker, isClosing, ref remaining);
            if (stop != RejectCode.None) break;
            if (isClosing && FillCode(a, r.Instrument) == RejectCode.None) mark = (s.Copy(), [.. s.Events], remaining);
        }

        // What closes goes as far as its account is in order.
        if (isClosing && remaining < mark.Remaining)
        {
            stop = FillCode(a, r.Instrument);
            (s, s.Events, remaining) = (mark.State, mark.Events, mark.Remaining);
            a = s.Accounts[a.Id];
        }

        long filled = r.Size - remaining;
        bool killsOwn = stop == RejectCode.SelfTrade && f.SelfTrade == SelfTradePrevention.CancelBoth;
        bool isFull = stop is RejectCode.BatchBlocksFull or RejectCode.BatchRowsFull or RejectCode.BatchInstrumentsFull or RejectCode.BatchReliefFull;
        if (f.TimeInForce == TimeInForce.FillOrKill && remaining > 0) return isFull ? stop : RejectCode.FillOrKillUnfilled;
        if (filled == 0 && stop != RejectCode.None && !killsOwn) return stop;
        if (filled == 0 && f.IsImmediate && !killsOwn) return RejectCode.NoLiquidity;
        if (isClosing && filled == 0) return RejectCode.InsufficientMargin;
        if (s.Health(a) < 0) s.Relieved.Add(a.Id);
        a.Seen[r.Slot] = r.Nonce;
        if (remaining == 0) return RejectCode.None;
        if (stop == RejectCode.None && isClosing) stop = RejectCode.InsufficientMargin;
        if (stop == RejectCode.None && f.IsImmediate) stop = RejectCode.NoLiquidity;
        var rest = new NaiveOrder(r, remaining);
        if (stop != RejectCode.None)
        {
            s.Events.Add(Closed(rest, stop));
            return RejectCode.None;
        }

        s.Orders.Add(rest);
        s.Events.Add(Named(EventKind.Rested, r) with { IsSell = r.IsSell, Price = Price.FromAtomsPerLot(r.Limit), Remaining = Lots.From(remaining) });
        return RejectCode.None;
    }

    /// <summary>Fills one maker's order on the spot, and undoes it if a rule says so.</summary>
    private RejectCode TryFill(NaiveAccount a, SignedRequest r, NaiveOrder maker, bool isClosing, ref long remaining)
    {
        NaiveAccount b = s.Accounts[maker.Request.Account];
        bool reduceOnly = OrderFlagsOf(maker).ReduceOnly, mayOpen = s.Permitted[specs[r.Instrument].Group].HasFlag(RiskActions.Open);
        BigInteger closable = reduceOnly || !mayOpen ? Closable(maker.Request.IsSell, b.Size(r.Instrument)) : long.MaxValue;
        if (closable == 0)
        {
            Close(maker, reduceOnly ? RejectCode.ReduceOnlyWouldIncrease : RejectCode.NotPermitted);
            return RejectCode.None;
        }

        var lots = (long)BigInteger.Min(closable, Math.Min(remaining, maker.Remaining));
        NaiveState before = s.Copy();
        BigInteger takerFee = AddToRow(r, lots, maker.Request.Limit, config.TakerFee.Ppm), makerFee = AddToRow(maker.Request, lots, maker.Request.Limit, config.MakerFee.Ppm);
        BigInteger flow = lots * ((BigInteger)maker.Request.Limit - s.Risk[r.Instrument].Funding);
        RejectCode takerCode = Move(a, r, r.IsSell, lots, flow, takerFee);
        if (takerCode == 0 && !isClosing && s.Health(a) < 0) takerCode = RejectCode.InsufficientMargin;
        if (takerCode == 0 && !isClosing) takerCode = LiveCode(a, r.Instrument);
        RejectCode makerCode = Move(b, r, !r.IsSell, lots, flow, makerFee);
        if (makerCode == 0) makerCode = FillCode(b, r.Instrument);
        int third = takerFee + makerFee > 0 ? 0 : a.Id;
        RejectCode full = takerCode == 0 && makerCode == 0 ? TakeRoom(before, [a.Id, b.Id, third], r.Instrument) : RejectCode.None;
        if (takerCode != 0 || makerCode != 0 || full != 0)
        {
            // Both accounts and the batch as they were; the events so far stay.
            (s.Rows, s.Touched, s.Buckets) = (before.Rows, before.Touched, before.Buckets);
            foreach (NaiveAccount account in new[] { a, b })
                (account.Cash, account.Sizes) = (before.Accounts[account.Id].Cash, before.Accounts[account.Id].Sizes);
            s.Accounts[0].Cash = before.Accounts[0].Cash;
            if (takerCode != 0) return takerCode;
            if (makerCode == 0) return full;
            Close(maker, makerCode);
            return RejectCode.None;
        }

        s.Accounts[0].Cash += takerFee + makerFee;
        if (s.Health(b) < 0) s.Relieved.Add(b.Id);
        remaining -= lots;
        a.Chain[r.Slot] = new OrderSlot(r.Nonce, r.Size - remaining);
        long already = b.Chain.GetValueOrDefault(maker.Request.Slot) is var c && c.Nonce == maker.Request.Nonce ? c.Filled : 0;
        b.Chain[maker.Request.Slot] = new OrderSlot(maker.Request.Nonce, already + lots);
        NaiveOrder left = maker with { Remaining = maker.Remaining - lots };
        int at = s.Orders.IndexOf(maker);
        if (left.Remaining == 0) s.Orders.RemoveAt(at);
        else s.Orders[at] = left;
        s.Events.Add(Named(EventKind.Filled, r) with
        {
            IsSell = r.IsSell,
            Price = Price.FromAtomsPerLot(maker.Request.Limit),
            Lots = Lots.From(lots),
            Remaining = Lots.From(remaining),
            Fee = Cash.FromAtoms((long)takerFee),
            Maker = AccountId.From(b.Id),
            MakerSlot = maker.Request.Slot,
            MakerNonce = OrderNonce.From(maker.Request.Nonce),
            MakerRemaining = Lots.From(left.Remaining),
            MakerFee = Cash.FromAtoms((long)makerFee),
        });
        if (lots == closable && left.Remaining > 0) Close(left, reduceOnly ? RejectCode.ReduceOnlyWouldIncrease : RejectCode.NotPermitted);
        return RejectCode.None;
    }

    private RejectCode Move(NaiveAccount a, SignedRequest r, bool sells, long lots, BigInteger flow, BigInteger fee)
    {
        a.Cash += (sells ? flow : -flow) - fee;
        a.Add(r.Instrument, sells ? -lots : lots);
        return s.Withdrew.Contains(a.Id) && OwnMoney(a) < 0 ? RejectCode.InsufficientBalance : RejectCode.None;
    }

    private RejectCode TradableCode(int t) =>
        specs[t].ExpiresAt != default && specs[t].ExpiresAt.Milliseconds <= time ? RejectCode.InstrumentExpired
        : s.Risk[t].Flags != 0 ? RejectCode.InstrumentNotTradable : RejectCode.None;

    private RejectCode FillCode(NaiveAccount a, int instrument) => MarginCode(a) is var code and not RejectCode.None ? code : LiveCode(a, instrument);

    /// <summary>Under the newest rows: healthy, or with less of the instrument than when the command came, at a fair price.</summary>
    private RejectCode LiveCode(NaiveAccount a, int instrument)
    {
        if (s.Live is null) return RejectCode.None;
        (BigInteger mark, BigInteger health) = s.LiveWorth(a);
        if (health >= 0) return RejectCode.None;
        (BigInteger oldMark, BigInteger oldHealth) = s.LiveWorth(start.Accounts[a.Id]);
        BigInteger size = a.Size(instrument), old = start.Accounts[a.Id].Size(instrument), relief = oldMark - oldHealth - (mark - health);
        bool shrinks = size.Sign * old.Sign >= 0 && BigInteger.Abs(size) < BigInteger.Abs(old);
        return oldHealth < 0 && shrinks && relief >= 0 && 10 * (oldMark - mark) <= relief ? RejectCode.None : RejectCode.InsufficientMargin;
    }

    /// <summary>Whether the account is healthy, or on the mend with a place for it.</summary>
    private RejectCode MarginCode(NaiveAccount a)
    {
        if (s.Health(a) >= 0) return RejectCode.None;
        if (config.Profile.Reliefs == 0 || !s.IsOnTheMend(a)) return RejectCode.InsufficientMargin;
        return s.Relieved.Contains(a.Id) || s.Relieved.Count < config.Profile.Reliefs ? RejectCode.None : RejectCode.BatchReliefFull;
    }

    internal BigInteger OwnMoney(NaiveAccount a) => a.Cash + a.Sizes.Where(p => specs[p.Key].Kind != InstrumentKind.Spot).Aggregate(
        BigInteger.Zero, (sum, p) => sum + p.Value * (p.Value > 0 ? s.Risk[p.Key].Long[0] : s.Risk[p.Key].Short[0]));

    /// <summary>Adds a fill to the order's row; returns what the row's fee grows by.</summary>
    private BigInteger AddToRow(SignedRequest r, long lots, long price, int rate)
    {
        int at = s.Rows.FindIndex(x => x.Request == r);
        NaiveRow row = at < 0 ? new NaiveRow(r, 0, 0, 0, 0) : s.Rows[at];
        BigInteger quote = (BigInteger)lots * price, numerator = row.FeeNumerator + quote * rate, fee = (numerator + 999_999) / 1_000_000;
        var grown = new NaiveRow(r, row.Fill + lots, row.Quote + quote, numerator, fee);
        if (at < 0) s.Rows.Add(grown);
        else s.Rows[at] = grown;
        return fee - row.Fee;
    }

    /// <summary>Gives accounts their blocks, buckets of what they held before included, and says whether the batch has become too large.</summary>
    private RejectCode TakeRoom(NaiveState before, IEnumerable<int> accounts, int instrument)
    {
        foreach (int id in accounts)
            if (s.Touched.Add(id)) s.Buckets.UnionWith(before.Accounts[id].Sizes.Keys.Select(t => t / 16));
        if (instrument != 0) s.Buckets.Add(instrument / 16);
        if (s.Touched.Count > config.Profile.Blocks) return RejectCode.BatchBlocksFull;
        if (s.Rows.Count > config.Profile.Rows) return RejectCode.BatchRowsFull;
        return s.Buckets.Count > config.Profile.Buckets ? RejectCode.BatchInstrumentsFull : RejectCode.None;
    }

    private RejectCode RoomCode(NaiveAccount a, int instrument)
    {
        HashSet<int> used = [.. a.Sizes.Keys, .. s.OrdersOf(a.Id).Select(o => o.Request.Instrument)];
        if (!used.Add(instrument)) return RejectCode.None;
        if (used.Count > 16) return RejectCode.AccountSlotsFull;
        if (used.Select(t => specs[t].Group).Distinct().Count() > 2) return RejectCode.AccountGroupsFull;
        return used.Select(t => t / 16).Distinct().Count() > config.Profile.Buckets ? RejectCode.BatchInstrumentsFull : RejectCode.None;
    }

    private RejectCode Withdraw(NaiveAccount a, SignedRequest r)
    {
        if (!IsExecuting) return RejectCode.EpochClosed;
        if (!r.IsSell || r.Limit != 0 || r.FeeRate != 0 || r.Flags != 0) return RejectCode.Malformed;
        if (r.Size == 0) return RejectCode.ZeroSize;
        if (a.Sizes.Keys.Any(t => !s.Permitted[specs[t].Group].HasFlag(RiskActions.Withdraw))) return RejectCode.NotPermitted;
        if (SlotCode(a, r) is var slot and not RejectCode.None) return slot;
        if (r.Instrument != 0 && !specs.ContainsKey(r.Instrument)) return RejectCode.UnknownInstrument;
        if (r.Instrument != 0 && specs[r.Instrument].Kind != InstrumentKind.Spot) return RejectCode.NotWithdrawable;
        long offered = s.OrdersOf(a.Id).Where(o => o.Request.Instrument == r.Instrument && o.Request.IsSell).Sum(o => o.Remaining);
        NaiveState before = s.Copy();
        if (r.Instrument == 0) a.Cash -= r.Size;
        else a.Add(r.Instrument, -r.Size);
        if (OwnMoney(a) < 0 || (r.Instrument != 0 && a.Size(r.Instrument) < offered)) return RejectCode.InsufficientBalance;
        s.Rows.Add(new NaiveRow(r, r.Size, 0, 0, 0));
        if (TakeRoom(before, [a.Id], r.Instrument) is var full and not RejectCode.None) return full;
        if (ReservedHealth(a) < 0 || (s.Live is not null && s.LiveWorth(a).Health < 0)) return RejectCode.InsufficientMargin;
        s.Withdrew.Add(a.Id);
        a.Seen[r.Slot] = r.Nonce;
        a.Chain[r.Slot] = new OrderSlot(r.Nonce, r.Size);
        s.Events.Add(Named(EventKind.Withdrawn, r) with { Amount = r.Size });
        return RejectCode.None;
    }

    private RejectCode Cancel(NaiveAccount a, SignedRequest r)
    {
        if (r.IsSell || r.Instrument != 0 || r.Size != 0 || r.Limit != 0 || r.FeeRate != 0 || (r.Flags & 0x7F) != 0) return RejectCode.Malformed;
        NaiveOrder? open = s.OrdersOf(a.Id).SingleOrDefault(o => o.Request.Slot == r.Slot && o.Request.Nonce <= r.Nonce);
        long seen = a.Seen.GetValueOrDefault(r.Slot);
        bool proven = r.Flags != 0;
        var spent = new OrderSlot(r.Nonce, (1L << 48) - 1);
        if (!proven && open is null && r.Nonce <= seen) return RejectCode.UnknownOrder;
        if (proven)
        {
            if (!IsExecuting) return RejectCode.EpochClosed;
            if (r.Nonce < a.Chain.GetValueOrDefault(r.Slot).Nonce) return RejectCode.ReplayedNonce;
            if (a.Chain.GetValueOrDefault(r.Slot) == spent) return RejectCode.UnknownOrder;
            if (MarginCode(a) is var margin and not RejectCode.None) return margin;
            if (s.Health(a) < 0) s.Relieved.Add(a.Id);
            s.Rows.Add(new NaiveRow(r, 0, 0, 0, 0));
            if (TakeRoom(s.Copy(), [a.Id], 0) is var full and not RejectCode.None) return full;
        }

        if (open is not null) Close(open, RejectCode.None);
        a.Seen[r.Slot] = Math.Max(seen, r.Nonce);
        if (!proven) return RejectCode.None;
        a.Chain[r.Slot] = spent;
        s.Events.Add(Named(EventKind.CancelProven, r) with { Instrument = default });
        return RejectCode.None;
    }

    // ---- operations, epochs ----

    private RejectCode Operation(QueuedOperation queued)
    {
        if (!IsExecuting) return RejectCode.EpochClosed;
        if (queued.Index != s.NextOperation) return RejectCode.OperationOutOfOrder;
        Operation o = queued.Operation;
        if (o.Kind == OperationKind.None || (o.Kind is OperationKind.Register or OperationKind.CloseRequest && o.Asset != 0)) return RejectCode.Malformed;
        if (s.Operations == config.Profile.Operations) return RejectCode.BatchOperationsFull;
        if (o.IsRequest) return Serve(o);
        NaiveState before = s.Copy();
        bool registers = o.Kind == OperationKind.Register;
        RejectCode bounce = registers ? Register(queued) : Deposit(queued);
        if (bounce is RejectCode.BatchReliefFull or RejectCode.RequestServed) return bounce;
        if (bounce == RejectCode.None && TakeRoom(before.Accounts.ContainsKey(o.Account) ? before : s.Copy(), [o.Account], o.Asset) is var full and not RejectCode.None) return full;
        if (bounce != RejectCode.None) s.Accounts = before.Accounts;
        s.Operations++;
        s.NextOperation++;
        s.Events.Add(new EngineEvent
        {
            Kind = bounce != 0 ? EventKind.Bounced : registers ? EventKind.Registered : EventKind.Deposited,
            Reason = bounce,
            Account = AccountId.From(o.Account),
            Instrument = InstrumentId.From(o.Asset),
            Amount = o.Amount,
        });
        return RejectCode.None;
    }

    /// <summary>Requests of the queue. The sessions played against this model ask to close only where there is nothing to close.</summary>
    private RejectCode Serve(Operation o)
    {
        if (!s.Accounts.TryGetValue(o.Account, out NaiveAccount? a)) return RejectCode.UnknownAccount;
        if (s.Requested.Contains(a.Id)) return RejectCode.RequestServed;
        NaiveState before = s.Copy();
        BigInteger paid = 0;
        RejectCode reason = RejectCode.None;
        bool isServed = false;
        if (a.Id < 2 || o.Owner != World.OwnerOf(a.Id)) reason = RejectCode.NotOwner;
        else if (o.Kind == OperationKind.CloseRequest)
        {
            isServed = true;
            if (OwnMoney(a) < 0) reason = RejectCode.InsufficientBalance;
            else Assert.DoesNotContain(a.Sizes.Keys, t => specs[t].Kind != InstrumentKind.Spot);
        }
        else
        {
            if (specs.TryGetValue(o.Asset, out InstrumentSpec? spec) && spec.Kind != InstrumentKind.Spot) return RejectCode.NotWithdrawable;
            if (o.Asset == 0) a.Cash -= paid = BigInteger.Max(0, BigInteger.Min(o.Amount, BigInteger.Min(s.Health(a), OwnMoney(a))));
            while (o.Asset != 0 && OwnMoney(a) >= 0 && s.Health(a) >= 0 && paid < o.Amount && a.Size(o.Asset) > 0)
            {
                a.Add(o.Asset, -1);
                paid++;
                if (s.Health(a) >= 0) continue;
                a.Add(o.Asset, 1);
                paid--;
                break;
            }

            isServed = paid < o.Amount;
            if (isServed) reason = RejectCode.InsufficientBalance;
        }

        if (TakeRoom(before, [a.Id], paid > 0 ? o.Asset : 0) is var full and not RejectCode.None) return full;
        if (isServed || s.Health(a) < 0) s.Relieved.Add(a.Id);
        if (s.Relieved.Count > config.Profile.Reliefs) return RejectCode.BatchReliefFull;
        if (paid > 0) s.Withdrew.Add(a.Id);
        List<NaiveOrder> open = [.. s.OrdersOf(a.Id).OrderBy(x => x.Request.Slot)];
        bool isOffered = open.Where(x => x.Request.IsSell && x.Request.Instrument == o.Asset).Sum(x => x.Remaining) <= a.Size(o.Asset);
        if (isServed || (reason == RejectCode.None && (ReservedHealth(a) < 0 || !isOffered)))
            foreach (NaiveOrder order in open) Close(order, RejectCode.RequestServed);
        s.Requested.Add(a.Id);
        if (isServed) s.Served.Add(a.Id);
        s.Operations++;
        s.NextOperation++;
        s.Events.Add(new EngineEvent
        {
            Kind = o.Kind == OperationKind.WithdrawalRequest ? EventKind.WithdrawalServed : EventKind.CloseServed,
            Reason = reason,
            Account = AccountId.From(a.Id),
            Instrument = InstrumentId.From(o.Asset),
            Amount = (long)paid,
        });
        return RejectCode.None;
    }

    private RejectCode Register(QueuedOperation queued)
    {
        Operation o = queued.Operation;
        if (s.Accounts.ContainsKey(o.Account)) return RejectCode.AccountExists;
        if (!new EddsaPublicKey(o.KeyX, o.KeyY).IsOfPrimeOrder) return RejectCode.MalformedKey;
        if (queued.ViewKey is null || Poseidon.Hash([queued.ViewKey.Value]) != o.ViewKeyHash) return RejectCode.ViewKeyMismatch;
        s.Accounts[o.Account] = new NaiveAccount { Id = o.Account, Cash = o.Amount };
        return RejectCode.None;
    }

    private RejectCode Deposit(QueuedOperation queued)
    {
        Operation o = queued.Operation;
        if (!s.Accounts.TryGetValue(o.Account, out NaiveAccount? a)) return RejectCode.UnknownAccount;
        if (o.Amount == 0) return RejectCode.ZeroSize;
        if (o.Asset != 0 && !specs.ContainsKey(o.Asset)) return RejectCode.UnknownInstrument;
        if (o.Asset != 0 && specs[o.Asset].Kind != InstrumentKind.Spot) return RejectCode.NotWithdrawable;
        if (s.Served.Contains(a.Id)) return RejectCode.RequestServed;
        bool takesRoom = o.Asset != 0 && a.Size(o.Asset) == 0 && !s.OrdersOf(a.Id).Any(x => x.Request.Instrument == o.Asset);
        if (takesRoom && queued.Depositor != (a.Id < Bound.ReservedAccounts ? default : World.OwnerOf(a.Id))) return RejectCode.NotOwner;
        if (o.Asset != 0 && RoomCode(a, o.Asset) is var room and not RejectCode.None) return room;
        if (o.Asset == 0) a.Cash += o.Amount;
        else a.Add(o.Asset, o.Amount);
        RejectCode margin = MarginCode(a);
        if (s.Health(a) < 0 && margin == RejectCode.None) s.Relieved.Add(a.Id);
        return margin;
    }

    private RejectCode OpenEpoch(byte[] bytes)
    {
        bool isUsed = s.Touched.Count > 0 || s.Operations > 0;
        if (s.IsOpen && isUsed) return RejectCode.EpochAlreadyOpen;
        if (!RiskInputs.TryDecode(bytes, out RiskInputs inputs, out _)) return RejectCode.BadRiskInput;
        long observed = inputs.ObservedAt.Milliseconds;
        uint batch = s.IsOpen ? s.Batch : s.Batch + 1;
        if (inputs.Batch != batch || observed > time || observed < time - config.MaxReportAge || observed <= s.Observed) return RejectCode.StaleEpoch;
        if (BreaksSettlement(inputs)) return RejectCode.BadRiskInput;
        (s.IsOpen, s.Open, s.Observed, s.Batch) = (true, time, observed, batch);
        s.Risk = RiskRows.From(inputs).ToDictionary(x => x.Id);
        s.Live = null;
        CloseWhere(o => o.Request.Expiry <= time ? RejectCode.Expired : TradableCode(o.Request.Instrument));
        s.Events.Add(new EngineEvent { Kind = EventKind.EpochOpened, Amount = batch });
        return RejectCode.None;
    }

    private bool BreaksSettlement(RiskInputs inputs) => inputs.Instruments.Any(t => t.Flags.HasFlag(InstrumentFlags.Settled)
            ? specs[t.Id].ExpiresAt.Milliseconds > time : s.Risk.TryGetValue(t.Id, out RiskRow? row) && row.Flags.HasFlag(InstrumentFlags.Settled))
        || inputs.Instruments.Any(t => s.Risk.TryGetValue(t.Id, out RiskRow? row) && row.Flags.HasFlag(InstrumentFlags.Settled) && row.Base != t.Mark - t.Funding);

    private RejectCode LiveRisk(byte[] bytes)
    {
        if (!IsExecuting) return RejectCode.EpochClosed;
        Assert.True(RiskInputs.TryDecode(bytes, out RiskInputs inputs, out _));
        long observed = inputs.ObservedAt.Milliseconds;
        if (inputs.Batch != s.Batch || observed > time || observed < time - config.MaxReportAge || observed <= s.Observed || observed <= s.LiveAt) return RejectCode.StaleEpoch;
        if (BreaksSettlement(inputs)) return RejectCode.BadRiskInput;
        (s.LiveAt, s.Live) = (observed, RiskRows.From(inputs).ToDictionary(x => x.Id));
        return RejectCode.None;
    }

    private RejectCode Convert()
    {
        if (!IsExecuting) return RejectCode.EpochClosed;
        int already = s.Converted.Count;
        foreach (NaiveAccount a in s.Accounts.Values.Where(a => !s.Served.Contains(a.Id)))
        {
            foreach ((int t, BigInteger size) in a.Sizes.Where(p => s.Risk[p.Key].Flags.HasFlag(InstrumentFlags.Settled)).ToList())
            {
                if (s.Converted.Count == config.Profile.Forced) break;
                NaiveState before = s.Copy();
                BigInteger cash = size * s.Risk[t].Base;
                a.Cash += cash;
                a.Sizes.Remove(t);
                if (MarginCode(a) != RejectCode.None || TakeRoom(before, [a.Id], t) != RejectCode.None)
                {
                    (s.Touched, s.Buckets) = (before.Touched, before.Buckets);
                    (a.Cash, a.Sizes) = (before.Accounts[a.Id].Cash, before.Accounts[a.Id].Sizes);
                    continue;
                }

                if (s.Health(a) < 0) s.Relieved.Add(a.Id);
                s.Converted.Add((a.Id, t));
                s.Events.Add(new EngineEvent
                {
                    Kind = EventKind.Converted, Account = AccountId.From(a.Id), Instrument = InstrumentId.From(t), Lots = Lots.From((long)size), Amount = (long)cash,
                });
            }
        }

        return s.Converted.Count > already ? RejectCode.None : RejectCode.NothingToConvert;
    }

    private RejectCode Seal()
    {
        if (!s.IsOpen) return RejectCode.EpochClosed;
        if (s.Touched.Count == 0 && s.Operations == 0) return RejectCode.NothingToSeal;
        s.IsOpen = false;
        s.Touched.Clear();
        s.Withdrew.Clear();
        s.Relieved.Clear();
        s.Requested.Clear();
        s.Served.Clear();
        s.Converted.Clear();
        s.Sealed = s.Accounts.ToDictionary(a => a.Key, a => a.Value.Copy());
        s.Buckets.Clear();
        s.Rows.Clear();
        s.Operations = 0;
        s.Events.Add(new EngineEvent { Kind = EventKind.Sealed, Amount = s.Batch });
        return RejectCode.None;
    }

    // ---- orders ----

    /// <summary>The resting orders that an order with this limit meets, best price first, then in order of arrival.</summary>
    private List<NaiveOrder> Opposite(int instrument, bool isSell, long limit)
    {
        IEnumerable<NaiveOrder> side = s.Orders.Where(o => o.Request.Instrument == instrument && o.Request.IsSell != isSell);
        return isSell
            ? [.. side.Where(o => o.Request.Limit >= limit).OrderByDescending(o => o.Request.Limit)]
            : [.. side.Where(o => o.Request.Limit <= limit).OrderBy(o => o.Request.Limit)];
    }

    private static BigInteger Closable(bool isSell, BigInteger size) => BigInteger.Max(0, isSell ? size : -size);

    private static OrderFlags OrderFlagsOf(NaiveOrder order)
    {
        Assert.True(OrderFlags.TryDecode(order.Request.Flags, out OrderFlags flags));
        return flags;
    }

    private void CloseWhere(Func<NaiveOrder, RejectCode> reason)
    {
        foreach (NaiveOrder order in s.Orders.OrderBy(o => o.Request.Account).ThenBy(o => o.Request.Slot).ToList())
            if (reason(order) is var code and not RejectCode.None) Close(order, code);
    }

    private void Close(NaiveOrder order, RejectCode reason)
    {
        s.Orders.Remove(order);
        s.Events.Add(Closed(order, reason));
    }

    private static EngineEvent Closed(NaiveOrder order, RejectCode reason) =>
        Named(EventKind.Closed, order.Request) with { Reason = reason, IsSell = order.Request.IsSell, Remaining = Lots.From(order.Remaining) };

    private static EngineEvent Named(EventKind kind, SignedRequest r) => new()
    {
        Kind = kind,
        Account = AccountId.From(r.Account),
        Slot = r.Slot,
        Nonce = OrderNonce.From(r.Nonce),
        Instrument = InstrumentId.From(r.Instrument),
    };
}
