using System.Collections.Immutable;
using System.Security.Cryptography;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;

namespace Rollup.TestSupport;

/// <summary>
/// A rollup state that builds sealed batches straight from the protocol's definitions, without the engine: an independent model for
/// the twin tests, and, because it checks nothing but encodings, the dishonest operator of the soundness tests.
/// </summary>
public sealed class BatchFactory
{
    public const int EthSpot = 1, BtcPerpetual = 2, EthPerpetual = 3, SolPerpetual = 17;
    public const long BtcMark = 61_800_000, EthMark = 2_680_000, EthSpotIndex = 268_000, SolMark = 155_000;

    private readonly QuadTree tree = new(Depth.Account);
    private readonly Dictionary<int, State> accounts = [];
    private uint batch;
    private long operations, clock = 1_723_161_255_000;

    public BatchFactory(CircuitProfile profile)
    {
        Profile = profile;
        for (int account = 0; account < Bound.ReservedAccounts; account++)
        {
            accounts[account] = new State(AccountIdentity.Reserved, null);
            tree.Set((ulong)account, LeafContents.Empty.Hash(AccountIdentity.Reserved));
        }
    }

    /// <summary>Of the next batch, like <see cref="Domain"/>: the circuit may be upgraded between two.</summary>
    public CircuitProfile Profile { get; set; }

    public Fr Domain { get; set; } = SettlementDomain.Of(31337, Address.Parse("0x5fbdb2315678afecb367f032d93f642f64180aa3"));

    /// <summary>Rows of the next batch; funding of the perpetuals is 1,234 and -567 atoms a lot so that it matters.</summary>
    public ImmutableArray<RiskRow> RiskRows { get; set; } =
    [
        Linear(EthSpot, InstrumentKind.Spot, group: 2, EthSpotIndex, funding: 0),
        Linear(BtcPerpetual, InstrumentKind.Perpetual, group: 1, BtcMark, funding: 1_234),
        Linear(EthPerpetual, InstrumentKind.Perpetual, group: 2, EthMark, funding: -567),
        Linear(SolPerpetual, InstrumentKind.Perpetual, group: 3, SolMark, funding: 0),
    ];

    public Fr Root => tree.Root;

    public LeafContents Contents(int account) => accounts[account].Contents;

    public AccountIdentity Identity(int account) => accounts[account].Identity;

    /// <summary>The account's siblings, three a level, from the leaf upward.</summary>
    public ImmutableArray<Fr> Path(int account) => [.. tree.Path((ulong)account)];

    public OrderSlots Slots(int account) => accounts[account].Slots;

    /// <summary>The key of a test account: the same for the same number.</summary>
    public static EddsaPrivateKey KeyOf(int account) => new(SHA256.HashData([(byte)account, (byte)(account >> 8), 0x6b]));

    /// <summary>The identity that a test account registers with; multiples of five are public.</summary>
    public static AccountIdentity IdentityOf(int account)
    {
        EddsaPublicKey key = KeyOf(account).PublicKey;
        return new AccountIdentity(OwnerOf(account), key.X, key.Y, account % 5 == 0 ? Fr.Zero : Fr.FromUInt64(0x5eed_0000_0000 + (ulong)account).Square().Square());
    }

    public static Address OwnerOf(int account) => Address.FromBytes(SHA256.HashData([(byte)account, (byte)(account >> 8), 0x6f]).AsSpan(0, Address.Size));

    /// <summary>A linear instrument stressed by -15%..+15% in 24 steps, with 1% between long and short.</summary>
    public static RiskRow Linear(int id, InstrumentKind kind, int group, long mark, long funding)
    {
        var values = Enumerable.Range(0, Bound.Scenarios).Select(s => mark + (s == 0 ? 0 : mark * (s - 12) / 80) - funding).ToArray();
        long Gap(int scenario) => scenario == 0 ? 0 : mark / 200;
        return new RiskRow(id, kind, InstrumentFlags.None, group, mark, mark - funding, funding, mark / 50,
            [.. values.Select((v, s) => v - Gap(s))], [.. values.Select((v, s) => v + Gap(s))]);
    }

    /// <summary>Starts a batch; nothing changes until it is sealed.</summary>
    public Batch Begin() => new(this);

    // A deposit to an account that never came to be is by its test owner.
    private Address DepositorOf(in Operation operation) => operation.Kind == OperationKind.Register ? operation.Owner
        : operation.IsRequest ? operation.Owner : accounts.TryGetValue(operation.Account, out State? state) ? state.Identity.Owner : OwnerOf(operation.Account);

    private sealed class State(AccountIdentity identity, EddsaPrivateKey? key)
    {
        public AccountIdentity Identity => identity;
        public EddsaPrivateKey? Key => key;
        public OrderSlots Slots { get; } = new();
        public LeafContents Contents { get; set; } = LeafContents.Empty;
    }

    /// <summary>A batch in the making.</summary>
    public sealed class Batch
    {
        private readonly BatchFactory factory;
        private readonly Dictionary<int, Change> changes = [];
        private readonly List<(Operation Operation, bool Accepted, long Paid)> operations = [];
        private readonly List<SealedRow> rows = [];
        private readonly List<(SealedForcedRow Row, int Account, int? Counter)> forced = [];
        private readonly HashSet<int> first = [];
        private long fees;
        private bool showsFund;

        internal Batch(BatchFactory factory) => (this.factory, Expiry) = (factory, factory.clock + 3_600_000);

        public long Expiry { get; }

        public IReadOnlyList<SealedRow> Rows => rows;

        /// <param name="as">Whom the account belongs to; its rows are signed with <see cref="KeyOf"/> all the same.</param>
        public Batch Register(int account, long cash = 0, bool accepted = true, AccountIdentity? @as = null)
        {
            AccountIdentity identity = @as ?? IdentityOf(account);
            if (accepted)
            {
                factory.accounts.Add(account, new State(identity, KeyOf(account)));
                Touch(account).IsNew = true;
                Move(account, 0, cash);
            }

            operations.Add((new Operation(OperationKind.Register, account, 0, cash, identity.Owner, identity.KeyX, identity.KeyY, identity.ViewKeyHash), accepted, 0));
            return this;
        }

        public Batch Deposit(int account, int asset, long amount, bool accepted = true)
        {
            if (accepted) Move(account, asset, amount);
            operations.Add((new Operation(OperationKind.Deposit, account, asset, amount, default, Fr.Zero, Fr.Zero, Fr.Zero), accepted, 0));
            return this;
        }

        /// <summary>A request on L1 to withdraw, of which so much is paid; the account's owner makes it unless somebody else is named.</summary>
        public Batch RequestWithdrawal(int account, int asset, long amount, long paid, Address? by = null)
        {
            Request(OperationKind.WithdrawalRequest, account, asset, amount, paid, by);
            Move(account, asset, -paid);
            return by is null && paid < amount ? First(account) : this;
        }

        /// <summary>A request on L1 to close what the account holds other than spot.</summary>
        public Batch RequestClose(int account, Address? by = null)
        {
            Request(OperationKind.CloseRequest, account, 0, 0, 0, by);
            Touch(account);
            return by is null ? First(account) : this;
        }

        private void Request(OperationKind kind, int account, int asset, long amount, long paid, Address? by) => operations.Add((
            new Operation(kind, account, asset, amount, by ?? factory.accounts[account].Identity.Owner, Fr.Zero, Fr.Zero, Fr.Zero), true, paid));

        /// <summary>One order's total execution in this batch; the fee defaults to the whole signed rate, rounded up.</summary>
        public Batch Order(int account, byte slot, long nonce, bool sell, int instrument, long size, long limit, long fill, long quote, int feeRate = 500, long? fee = null)
        {
            long charged = fee ?? (long)(((Int128)feeRate * quote + Scale.FeeRateDenominator - 1) / Scale.FeeRateDenominator);
            long funding = factory.RiskRows.First(r => r.Id == instrument).Funding;
            AddRow(new SignedRequest(RowKind.Order, 0, sell, instrument, account, slot, size, limit, feeRate, Expiry, nonce), fill, quote, charged);
            Move(account, instrument, sell ? -fill : fill);
            Move(account, 0, (sell ? 1 : -1) * (quote - funding * fill) - charged);
            if (charged > 0) Move(0, 0, charged);
            fees += charged;
            return this;
        }

        /// <summary>Two fresh orders that meet at one price.</summary>
        public Batch Trade(int buyer, int seller, int instrument, long lots, long price, long nonce = 1, byte slot = 0) => this
            .Order(buyer, slot, nonce, sell: false, instrument, size: lots + 7, limit: price + 11, lots, lots * price, feeRate: 500)
            .Order(seller, slot, nonce, sell: true, instrument, size: lots + 3, limit: price - 13, lots, lots * price, feeRate: 200);

        public Batch Withdraw(int account, byte slot, long nonce, int asset, long amount)
        {
            AddRow(new SignedRequest(RowKind.Withdrawal, 0, true, asset, account, slot, amount, 0, 0, Expiry, nonce), amount, 0, 0);
            Move(account, asset, -amount);
            return this;
        }

        public Batch Cancel(int account, byte slot, long nonce)
        {
            AddRow(new SignedRequest(RowKind.Cancel, 0x80, false, 0, account, slot, 0, 0, 0, Expiry, nonce), 0, 0, 0);
            Touch(account);
            return this;
        }

        /// <summary>Gives the account one of the first blocks, which have relief.</summary>
        public Batch First(int account)
        {
            Touch(account);
            first.Add(account);
            return this;
        }

        /// <summary>Closes lots of a position in a trade whose other side the caller adds as an order; the fee goes to the fund.</summary>
        public Batch Liquidate(int account, int instrument, long lots, long quote, long fee = 0)
        {
            long size = SizeOf(account, instrument), sign = Math.Sign(size);
            AddForced(new SealedForcedRow(ForcedKind.Liquidation, -1, null, instrument, size, 0, lots, quote, fee), account, null);
            Move(account, instrument, -sign * lots);
            Move(account, 0, sign * (quote - RowOf(instrument).Funding * lots) - fee);
            if (fee == 0) return First(account);
            showsFund = true;
            return Move(1, 0, fee).First(account);
        }

        /// <summary>Closes lots of two opposite positions against each other.</summary>
        public Batch Deleverage(int account, int counter, int instrument, long lots, long quote)
        {
            long size = SizeOf(account, instrument), sign = Math.Sign(size), cash = sign * (quote - RowOf(instrument).Funding * lots);
            AddForced(new SealedForcedRow(ForcedKind.Deleverage, -1, -1, instrument, size, SizeOf(counter, instrument), lots, quote, 0), account, counter);
            showsFund = true;
            Touch(1);
            return Move(account, instrument, -sign * lots).Move(account, 0, cash).Move(counter, instrument, sign * lots).Move(counter, 0, -cash).First(account);
        }

        /// <summary>
        /// Closes lots for a close request: against a position of <paramref name="counter"/>, or, without one, in a trade whose other side the caller adds as an order.
        /// </summary>
        public Batch Close(int account, int instrument, long lots, long quote, int? counter = null)
        {
            long size = SizeOf(account, instrument), sign = Math.Sign(size), cash = sign * (quote - RowOf(instrument).Funding * lots);
            long counterSize = counter is { } other ? SizeOf(other, instrument) : 0;
            ForcedKind kind = counter is null ? ForcedKind.Liquidation : ForcedKind.Deleverage;
            AddForced(new SealedForcedRow(kind, -1, counter is null ? null : -1, instrument, size, counterSize, lots, quote, 0, Closing: true), account, counter);
            if (counter is { } taker) Move(taker, instrument, sign * lots).Move(taker, 0, -cash);
            return Move(account, instrument, -sign * lots).Move(account, 0, cash).First(account);
        }

        /// <summary>Turns a whole position of a settled instrument into cash.</summary>
        public Batch Convert(int account, int instrument)
        {
            long size = SizeOf(account, instrument);
            AddForced(new SealedForcedRow(ForcedKind.Conversion, -1, null, instrument, size, 0, Math.Abs(size), 0, 0), account, null);
            return Move(account, instrument, -size).Move(account, 0, size * RowOf(instrument).Base);
        }

        /// <summary>The fund pays into an account.</summary>
        public Batch Pay(int account, long amount)
        {
            Touch(account).Payment += amount;
            showsFund = true;
            return Move(account, 0, amount).Move(1, 0, -amount).First(account);
        }

        /// <summary>Changes a balance with no reason given: what a dishonest operator would try.</summary>
        public Batch Move(int account, int instrument, long amount)
        {
            Change change = Touch(account);
            change.Balances[instrument] = change.Balances.GetValueOrDefault(instrument) + amount;
            return this;
        }

        public SealedBatch Seal()
        {
            Fr oldRoot = factory.Root;
            if (changes.Count == 0) Touch(0);
            int[] touched = [.. changes.Keys.OrderBy(account => !first.Contains(account)).ThenBy(account => account)];
            var blocks = new List<SealedBlock>();
            foreach (int account in touched)
            {
                State state = factory.accounts[account];
                Change change = changes[account];
                LeafContents next = Apply(state, change);
                blocks.Add(new SealedBlock(account, state.Identity, change.IsNew, state.Contents, next, [.. factory.tree.Path((ulong)account)], change.Payment));
                factory.tree.Set((ulong)account, next.Hash(state.Identity));
                state.Contents = next;
            }

            int Block(int account) => Array.IndexOf(touched, account);
            var header = new BatchHeader(++factory.batch, factory.clock, factory.clock + 5_000, factory.operations, operations.Count);
            factory.clock += 6_000;
            factory.operations += operations.Count;
            return new SealedBatch(factory.Profile.Name, factory.Domain, header, oldRoot, factory.Root, [1, 2, 3], factory.RiskRows,
                [.. operations.Select(o => new SealedOperation(o.Operation, factory.DepositorOf(o.Operation), o.Accepted ? Block(o.Operation.Account) : null, o.Paid))],
                [.. blocks], [.. rows.Select(r => r with { Block = Block(r.Request.Account) })], fees > 0 ? Block(0) : null,
                [.. forced.Select(f => f.Row with { Block = Block(f.Account), CounterBlock = f.Counter is { } counter ? Block(counter) : null })],
                showsFund ? Block(1) : null, forced.Any(f => f.Counter is not null && !f.Row.Closing) ? Fr.FromUInt64(0x4a4b) : Fr.Zero);
        }

        private static LeafContents Apply(State state, Change change)
        {
            LeafContents old = state.Contents;
            var sizes = old.Positions.ToDictionary(p => p.Instrument, p => p.Size);
            foreach ((int instrument, long amount) in change.Balances.Where(b => b.Key != 0))
                sizes[instrument] = sizes.GetValueOrDefault(instrument) + amount;
            ImmutableArray<Position> positions = [.. sizes.Where(s => s.Value != 0).OrderBy(s => s.Key).Select(s => new Position(s.Key, s.Value))];
            var next = new LeafContents(old.Version, old.Cash + change.Balances.GetValueOrDefault(0), state.Slots.Root, positions);
            return next == old && !change.IsNew ? old : new LeafContents(old.Version + 1, next.Cash, next.OrderRoot, positions);
        }

        private void AddRow(SignedRequest request, long fill, long quote, long fee)
        {
            State state = factory.accounts[request.Account];
            EddsaSignature signature = (state.Key ?? throw new InvalidOperationException("A reserved account has no key.")).Sign(request.Message(factory.Domain));
            var row = new SealedRow(request, signature.R8x, signature.R8y, signature.S, -1, fill, quote, fee,
                state.Slots[request.Slot], [.. state.Slots.Path(request.Slot)]);
            state.Slots.Set(request.Slot, row.NewSlot);
            rows.Add(row);
        }

        private void AddForced(SealedForcedRow row, int account, int? counter) => forced.Add((row, account, counter));

        private long SizeOf(int account, int instrument) => factory.Contents(account).Positions.FirstOrDefault(p => p.Instrument == instrument).Size;

        private RiskRow RowOf(int instrument) => factory.RiskRows.First(r => r.Id == instrument);

        private Change Touch(int account)
        {
            if (!changes.TryGetValue(account, out Change? change)) changes.Add(account, change = new Change());
            return change;
        }

        private sealed class Change
        {
            public bool IsNew { get; set; }
            public long Payment { get; set; }
            public Dictionary<int, long> Balances { get; } = [];
        }
    }
}
