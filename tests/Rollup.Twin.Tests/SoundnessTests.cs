using System.Numerics;
using System.Text.Json.Nodes;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.TestSupport;
using Rollup.Witness;
using static Rollup.Twin.Tests.Dishonest;

namespace Rollup.Twin.Tests;

/// <summary>
/// Dishonest provers. Every case starts from a batch that is accepted, changes one thing (the witness, never just the honest builder),
/// computes all later values and challenges honestly for it, and names the templates whose constraints refuse.
/// In the batches account 0 takes fees in block 0, accounts 2 and 3 trade in blocks 1 and 2; account 3 is the last, so its leaf can be forged.
/// </summary>
public class SoundnessTests
{
    private const int Last = 2;

    private static JsonObject Trade(Action<BatchFactory.Batch>? more = null)
    {
        BatchFactory factory = SettlementTests.Traders();
        BatchFactory.Batch batch = factory.Begin().Trade(2, 3, BatchFactory.BtcPerpetual, lots: 40, price: 61_900_000);
        more?.Invoke(batch);
        return Accepted(SettlementInput.Build(batch.Seal()));
    }

    // ---- The attacks that broke earlier designs, by name.

    [Fact]
    public void Spot_shorts_and_collateral_backed_cash_take_other_users_tokens()
    {
        BatchFactory factory = SettlementTests.Traders();
        // Account 3 sells spot that it does not have, within its margin.
        SettlementInput sold = SettlementInput.Build(factory.Begin().Trade(2, 3, BatchFactory.EthSpot, lots: 50_000, price: 268_000).Seal());
        Refused(sold.ToJson(), "BucketFacts");

        // Positive control: it first deposits what it sells.
        factory = SettlementTests.Traders();
        Accepted(SettlementInput.Build(factory.Begin().Deposit(3, BatchFactory.EthSpot, 50_000).Trade(2, 3, BatchFactory.EthSpot, 50_000, 268_000).Seal()));

        // Withdrawing more cash than there is, against collateral: healthy, but not allowed.
        factory = SettlementTests.Traders();
        factory.Begin().Deposit(3, BatchFactory.EthSpot, 4_000_000).Seal();
        Refused(SettlementInput.Build(factory.Begin().Withdraw(3, 0, 1, 0, 60_000_000_001).Seal()).ToJson(), "Num2Bits");
    }

    [Fact]
    public void A_short_perpetuals_notional_is_not_money_to_withdraw()
    {
        // Account 3 has 60,000 USD and ETH; 4,000 lots short put 247,600 USD of notional into its cash.
        BatchFactory Short()
        {
            BatchFactory factory = SettlementTests.Traders();
            factory.Begin().Deposit(3, BatchFactory.EthSpot, 4_000_000).Seal();
            factory.Begin().Trade(2, 3, BatchFactory.BtcPerpetual, 4_000, 61_900_000).Seal();
            return factory;
        }

        BatchFactory rich = Short();
        SealedBatch taken = rich.Begin().Withdraw(3, 1, 9, 0, 300_000_000_000).Seal();
        Assert.True(rich.Contents(3).Cash > 0);
        JsonObject json = SettlementInput.Build(taken).ToJson();
        IReadOnlyList<Rollup.Groth16.ConstraintDescription> failures = Refused(json, "Num2Bits");
        Assert.All(failures, f => Assert.Contains(f.Signals, s => s.Name.Contains("ownMoney", StringComparison.Ordinal)));
        // Overstating what its derivatives are worth is caught by the identity.
        Refused(Add(Copy(json), "derivative", 300_000_000_000, 0, 0), "Settlement");
        // Or carrying a limb: one less of x_1 is 2^84 more of x_0 in the packed element.
        Refused(Add(Add(Copy(json), "derivative", BigInteger.One << 84, 0, 0), "derivative", -1, 0, 1), "Num2Bits");

        // Positive controls: its own money, and a leveraged long whose cash is negative.
        Accepted(SettlementInput.Build(Short().Begin().Withdraw(3, 1, 9, 0, 50_000_000_000).Seal()));
        BatchFactory leveraged = Short();
        SealedBatch little = leveraged.Begin().Withdraw(2, 1, 9, 0, 1_000_000).Seal();
        Assert.True(leveraged.Contents(2).Cash < 0);
        Accepted(SettlementInput.Build(little));
    }

    [Fact]
    public void A_repeated_cancel_proves_nothing_and_is_refused()
    {
        BatchFactory factory = SettlementTests.Traders();
        Accepted(SettlementInput.Build(factory.Begin().Cancel(3, 0, 8).Seal()));
        SealedBatch repeated = factory.Begin().Deposit(3, 0, 5).Cancel(3, 0, 8).Seal();
        Refused(SettlementInput.Build(repeated).ToJson(), "SignedRow");
        // The same with a slot tree of its own, detached from the account's order root.
        JsonObject honest = Accepted(SettlementInput.Build(SettlementTests.Traders().Begin().Cancel(3, 0, 8).Seal()));
        JsonObject detached = Set(Set(Copy(honest), "rowOldNonce", 8, 0), "rowOldFilled", OrderSlot.MaxFilled, 0);
        Assert.Contains("SignedRow", Violations(detached));
    }

    [Fact]
    public void Shifting_between_two_old_sizes_of_one_element_mints()
    {
        BatchFactory factory = SettlementTests.Traders();
        factory.Begin().Trade(2, 3, BatchFactory.BtcPerpetual, 40, 61_900_000).Seal();
        factory.Begin().Trade(2, 3, BatchFactory.EthPerpetual, 900, 2_690_000, nonce: 2).Seal();
        JsonObject honest = Accepted(SettlementInput.Build(factory.Begin().Withdraw(3, 1, 9, 0, 5).Seal()));

        // slot 0 + 2^63 and slot 1 - 1 pack to the same element: 2^45 lots more of one instrument, another id in the other.
        int block = 0;
        Assert.Equal(3, (int)Get(honest, "account", block));
        JsonObject shifted = Add(Add(Copy(honest), "oldMagnitude", BigInteger.One << 45, block, 0), "oldId", -1, block, 1);
        Refused(shifted, "Num2Bits", "Settlement");
    }

    [Fact]
    public void Sizes_without_a_bound_hide_a_loss()
    {
        JsonObject honest = Trade();
        // A size of 2^48 lots carries from one packed scenario into the next.
        JsonObject huge = WithNewRoot(Set(Copy(honest), "newMagnitude", BigInteger.One << 48, Last, 0));
        Refused(huge, "Num2Bits", "Settlement");
    }

    [Fact]
    public void Facts_keyed_by_account_only_allow_a_phantom_state_between_two_blocks_of_one_account()
    {
        BatchFactory factory = SettlementTests.Traders();
        LeafContents start = factory.Contents(3);
        SealedBatch batch = factory.Begin().Move(3, 0, 1_000_000_000).Seal();
        // First block: a thousand dollars from nowhere. Second block: they are gone again. The sum over the account is zero.
        SealedBlock first = batch.Blocks.Single();
        var second = first with { Old = first.New, New = new LeafContents(first.New.Version + 1, start.Cash, start.OrderRoot, start.Positions) };
        Fr root = QuadTree.RootFrom(second.New.Hash(second.Identity), 3, second.Path.AsSpan());
        JsonObject phantom = SettlementInput.Build(batch with { Blocks = [first, second], NewRoot = root }).ToJson();
        Refused(phantom, "Settlement");

        // Nor may two blocks change nothing but the version: an account changes in one step. Positive control: one block that does.
        SealedBlock idle = first with { New = new LeafContents(start.Version + 1, start.Cash, start.OrderRoot, start.Positions) };
        SealedBlock again = idle with { Old = idle.New, New = new LeafContents(start.Version + 2, start.Cash, start.OrderRoot, start.Positions) };
        SettlementInput Idle(params SealedBlock[] blocks) =>
            SettlementInput.Build(batch with { Blocks = [.. blocks], NewRoot = QuadTree.RootFrom(blocks[^1].New.Hash(again.Identity), 3, again.Path.AsSpan()) });
        RefusedAt(Circuit, Idle(idle, again).ToJson(), "used[k] * repeats[k].out === 0");
        Accepted(Idle(idle));
    }

    [Fact]
    public void One_challenge_for_compression_and_for_the_sum_lets_facts_vanish()
    {
        // With gamma = alpha = x the denominators are x (1 - f1) - bus - f2 x^2: proportional for these two facts, for every x.
        // A minted lot of instrument 2 in block 1 would be balanced by four names of account 5 in block 4.
        static Fr Sum(Fr alpha, Fr gamma)
        {
            Fr change = gamma - (N(Bus.Change) + N(2) * alpha + N(1) * alpha.Square());
            Fr account = gamma - (N(Bus.Account) + N(5) * alpha + N(4) * alpha.Square());
            return change.Inverse() - N(4) * account.Inverse();
        }

        Fr x = Fr.FromUInt64(987_654_321).Pow(7), other = Fr.FromUInt64(123_456_789).Pow(5);
        Assert.Equal(Fr.Zero, Sum(x, x));
        Assert.NotEqual(Fr.Zero, Sum(x, other));

        // The circuit draws them apart.
        JsonObject honest = Trade();
        Fr alpha = Signal(honest, "main.alpha[1]"), gamma = Signal(honest, "main.gamma");
        Assert.NotEqual(alpha, gamma);
        Assert.NotEqual(Fr.Zero, Sum(alpha, gamma));
        static Fr N(ulong value) => Fr.FromUInt64(value);
    }

    [Fact]
    public void Funding_missing_from_the_row_digest_is_solved_after_the_challenge()
    {
        JsonObject honest = Trade();
        // The buyer of 40 lots at 61.9 is charged 999,000 more by a forged F in its row; the seller is paid it by another forged F.
        BigInteger forged = Get(honest, "rowFunding", 0) - 999_000 / 40;
        JsonObject charged = WithNewRoot(Set(Copy(honest), "rowFunding", forged, 0));
        Refused(charged, "Settlement");
        // F moves both challenges, so no F can be solved for them.
        Assert.NotEqual(Signal(honest, "main.rho"), Signal(charged, "main.rho"));
        Assert.NotEqual(Signal(honest, "main.gamma"), Signal(charged, "main.gamma"));
    }

    [Fact]
    public void A_stream_keyed_by_batch_number_is_reused_after_a_revert()
    {
        // Two versions of one batch, as before and after a revert, for one owner.
        SealedBatch Version(long price) => SettlementTests.Traders().Begin().Trade(2, 3, BatchFactory.BtcPerpetual, 40, price).Seal();
        SettlementInput one = SettlementInput.Build(Version(61_900_000)), two = SettlementInput.Build(Version(61_800_000));
        Assert.Equal(one.Data.Header, two.Data.Header);
        PublicBlock a = one.Data.Blocks[Last], b = two.Data.Blocks[Last];
        Assert.NotEqual(a.Leaf, b.Leaf);
        // With one stream the differences of cipher and plain text would be equal; no lane's are.
        LeafContents Contents(PublicBlock block) =>
            LeafCipher.TryDecrypt(BatchFactory.IdentityOf(3).ViewKey, block.Leaf, block.Cipher.AsSpan(), out LeafContents c) ? c : throw new InvalidOperationException();
        Fr[] plainA = Contents(a).Encode(), plainB = Contents(b).Encode();
        for (int lane = 0; lane < LeafContents.Elements; lane++)
            Assert.NotEqual(plainA[lane] - plainB[lane], a.Cipher[lane] - b.Cipher[lane]);
    }

    [Fact]
    public void A_zero_leaf_binds_nothing_so_claimed_old_cash_would_mint()
    {
        JsonObject Registration() => Accepted(SettlementInput.Build(new BatchFactory(CircuitProfile.Dev).Begin().Register(2, cash: 5_000).Register(3).Seal()));
        JsonObject honest = Registration();
        // Blocks: account 2, account 3, and account 3 once more unchanged. Forge in block 1, whose new leaf stays as it is.
        Refused(Add(Add(Copy(honest), "oldCash", 700, 1), "newCash", 0, 1), "AccountBlock", "Settlement");
        Refused(Add(Copy(honest), "oldVersion", 3, 1), "AccountBlock");
        Refused(Set(Copy(honest), "oldOrderRoot", 12345, 1), "AccountBlock", "Settlement");
        Refused(Set(Set(Copy(honest), "oldMagnitude", 5, 1, 0), "oldId", 2, 1, 0), "AccountBlock", "Settlement");
    }

    // ---- Margin.

    [Fact]
    public void An_account_that_ends_unhealthy_is_refused()
    {
        BatchFactory factory = SettlementTests.Traders();
        // 6,000 lots at 61.8: 370,800 USD of notional on 50,000 of cash, with scenarios of -15%.
        SettlementInput risky = SettlementInput.Build(factory.Begin().Trade(2, 3, BatchFactory.BtcPerpetual, lots: 6_000, price: 61_800_000).Seal());
        Refused(risky.ToJson(), "Num2Bits");
    }

    [Theory]
    [InlineData("groupMargin", 1, 0)]
    [InlineData("slack", 1, 0, 5)]
    public void A_margin_better_than_the_true_one_is_refused(string name, params int[] at)
    {
        JsonObject honest = Trade();
        Refused(Add(Copy(honest), name, 1, at), "Settlement");
    }

    [Fact]
    public void Scenarios_limbs_and_groups_cannot_be_exchanged()
    {
        JsonObject honest = Trade();
        // Block 1 holds the perpetual of group 1; its groups are 0 and 1.
        Assert.Equal(1, (int)Get(honest, "group", 1, 1));
        JsonObject swapped = Copy(honest);
        BigInteger a = Get(honest, "slack", 1, 1, 4), b = Get(honest, "slack", 1, 1, 20);
        Assert.NotEqual(a, b);
        Refused(Set(Set(swapped, "slack", b, 1, 1, 4), "slack", a, 1, 1, 20), "Settlement");

        // One limb up, 2^84 of the next down: equal packed elements if slacks were not range-checked.
        JsonObject carried = Add(Add(Copy(honest), "slack", BigInteger.One << 84, 1, 1, 3), "slack", -1, 1, 1, 4);
        Assert.Contains(Refused(carried, "Num2Bits"), f => f.Component.Contains("blocks[1]", StringComparison.Ordinal));

        Refused(Set(Copy(honest), "group", 5, 1, 1), "Settlement");
        Refused(Set(Copy(honest), "group", 1, 1, 0), "Num2Bits");
    }

    [Fact]
    public void An_instrument_held_but_not_opened_leaves_a_pole()
    {
        JsonObject honest = Trade();
        // The table has a second bucket (instrument 17): open that one instead of the one that holds the perpetual.
        var risk = new RiskTree(new BatchFactory(CircuitProfile.Dev).RiskRows);
        JsonObject hidden = Copy(honest);
        RiskRow?[] rows = risk.Bucket(1);
        Set(hidden, "bucket", 1, 0);
        Fr[] path = risk.Path(1);
        for (int i = 0; i < path.Length; i++) Set(hidden, "bucketSiblings", path[i].ToBigInteger(), 0, i / 3, i % 3);
        for (int t = 0; t < rows.Length; t++)
        {
            Fr[] encoded = rows[t] is { } row ? RiskRowEncoding.Encode(row) : new Fr[RiskRowEncoding.Elements];
            Set(hidden, "meta", encoded[0].ToBigInteger(), 0, t);
            Set(hidden, "market", encoded[1].ToBigInteger(), 0, t);
            for (int j = 0; j < 8; j++)
            {
                Set(hidden, "long", encoded[2 + j].ToBigInteger(), 0, t, j);
                Set(hidden, "short", encoded[10 + j].ToBigInteger(), 0, t, j);
            }

            Set(hidden, "multiplicity", 0, 0, t);
        }

        Refused(hidden, "Settlement");
    }

    [Theory]
    [InlineData("long")]
    [InlineData("short")]
    [InlineData("market")]
    [InlineData("meta")]
    public void A_risk_row_that_is_not_in_the_table_is_refused(string what)
    {
        JsonObject honest = Trade();
        int[] at = what is "long" or "short" ? [0, BatchFactory.BtcPerpetual, 0] : [0, BatchFactory.BtcPerpetual];
        JsonObject forged = Add(Copy(honest), what, what == "meta" ? 1 << 7 : 1, at);
        Refused(forged, "OpenBucket", "Settlement");
    }

    [Fact]
    public void Holding_or_trading_an_unlisted_instrument_is_refused()
    {
        JsonObject honest = Trade();
        // Instrument 9 is in the opened bucket, but unlisted.
        JsonObject unlisted = Copy(honest);
        foreach (int block in (int[])[1, 2]) Set(unlisted, "newId", 9, block, 0);
        Refused(WithNewRoot(unlisted), "AccountBlock", "BucketFacts", "Settlement");
        Refused(Set(Copy(honest), "multiplicity", 1, 0, 9), "OpenBucket", "Settlement");
    }

    [Theory]
    [InlineData("duplicate id")]
    [InlineData("descending ids")]
    [InlineData("gap between slots")]
    [InlineData("negative zero")]
    public void A_new_leaf_has_one_canonical_form(string what)
    {
        BatchFactory factory = SettlementTests.Traders();
        factory.Begin().Trade(2, 3, BatchFactory.BtcPerpetual, 40, 61_900_000).Seal();
        JsonObject json = Accepted(SettlementInput.Build(factory.Begin().Trade(2, 3, BatchFactory.EthPerpetual, 900, 2_690_000, nonce: 2).Seal()));
        void Slot(int slot, int id, long magnitude, int negative) =>
            Set(Set(Set(json, "newId", id, Last, slot), "newMagnitude", magnitude, Last, slot), "newNegative", negative, Last, slot);
        switch (what)
        {
            case "duplicate id": // the same total in two slots
                Slot(0, BatchFactory.BtcPerpetual, 40, 1);
                Slot(1, BatchFactory.EthPerpetual, 500, 1);
                Slot(2, BatchFactory.EthPerpetual, 400, 1);
                break;
            case "descending ids":
                Slot(0, BatchFactory.EthPerpetual, 900, 1);
                Slot(1, BatchFactory.BtcPerpetual, 40, 1);
                break;
            case "gap between slots":
                Slot(1, 0, 0, 0);
                Slot(2, BatchFactory.EthPerpetual, 900, 1);
                break;
            case "negative zero":
                Slot(2, 0, 0, 1);
                break;
        }

        Refused(WithNewRoot(json), what switch
        {
            "gap between slots" or "negative zero" => ["OrderedPositions"],
            _ => ["Num2Bits"],
        });
    }

    // ---- Conservation and authority.

    [Theory]
    [InlineData(0, 1_000)]      // cash to the last account
    [InlineData(BatchFactory.BtcPerpetual, 3)]
    [InlineData(BatchFactory.EthSpot, 10)]
    public void A_change_that_no_row_gives_is_refused(int instrument, long amount)
    {
        BatchFactory factory = SettlementTests.Traders();
        Refused(SettlementInput.Build(factory.Begin().Move(3, instrument, amount).Seal()).ToJson(), "Settlement");
        // Also if another account pays for it.
        factory = SettlementTests.Traders();
        Refused(SettlementInput.Build(factory.Begin().Deposit(2, BatchFactory.EthSpot, 50).Move(2, instrument, -amount).Move(3, instrument, amount).Seal()).ToJson(), "Settlement");
    }

    [Fact]
    public void Rows_that_do_not_net_to_zero_are_refused()
    {
        BatchFactory factory = SettlementTests.Traders();
        SealedBatch oneSided = factory.Begin().Order(2, 0, 1, sell: false, BatchFactory.BtcPerpetual, 40, 61_900_000, 40, 40 * 61_900_000L).Seal();
        Refused(SettlementInput.Build(oneSided).ToJson(), "Settlement");
        // The buyer pays a better price than the seller gets: the difference must not vanish either.
        factory = SettlementTests.Traders();
        SealedBatch skimmed = factory.Begin()
            .Order(2, 0, 1, false, BatchFactory.BtcPerpetual, 40, 61_900_000, 40, 40 * 61_900_000L)
            .Order(3, 0, 1, true, BatchFactory.BtcPerpetual, 40, 61_800_000, 40, 40 * 61_800_000L).Seal();
        Refused(SettlementInput.Build(skimmed).ToJson(), "Settlement");
    }

    [Fact]
    public void Fees_are_bounded_by_the_signature_and_go_to_account_0()
    {
        SealedBatch With(long fee) => SettlementTests.Traders().Begin()
            .Order(2, 0, 1, false, BatchFactory.BtcPerpetual, 40, 61_900_000, 40, 40 * 61_900_000L, feeRate: 500, fee: fee)
            .Order(3, 0, 1, true, BatchFactory.BtcPerpetual, 40, 61_900_000, 40, 40 * 61_900_000L, feeRate: 0).Seal();
        long most = 40 * 61_900_000L * 500 / 1_000_000;
        Accepted(SettlementInput.Build(With(most)));
        Refused(SettlementInput.Build(With(most + 1)).ToJson(), "Num2Bits");

        JsonObject honest = Trade();
        Refused(Set(Copy(honest), "feeBlock", 3), "Settlement");
        Refused(Set(Copy(honest), "feeEnabled", 0), "Settlement");
    }

    [Fact]
    public void A_row_is_within_what_was_signed()
    {
        BatchFactory factory = SettlementTests.Traders();
        long price = 61_900_000;
        SealedBatch Fill(long lots, long buyerPrice) => SettlementTests.Traders().Begin()
            .Order(2, 0, 1, false, BatchFactory.BtcPerpetual, size: 40, limit: price, lots, lots * buyerPrice, 0)
            .Order(3, 0, 1, true, BatchFactory.BtcPerpetual, size: 90, limit: price, lots, lots * buyerPrice, 0).Seal();
        Accepted(SettlementInput.Build(Fill(40, price)));
        Refused(SettlementInput.Build(Fill(41, price)).ToJson(), "Num2Bits");            // more than the size
        Refused(SettlementInput.Build(Fill(40, price + 1)).ToJson(), "Num2Bits");        // above the buyer's limit
        Refused(SettlementInput.Build(Fill(40, price - 1)).ToJson(), "Num2Bits");        // below the seller's limit
        Assert.Equal(1u, factory.Contents(2).Version);
    }

    [Theory]
    [InlineData("rowFlags")]
    [InlineData("rowSize")]
    [InlineData("rowLimit")]
    [InlineData("rowFeeRate")]
    [InlineData("rowExpiry")]
    public void Every_signed_field_is_bound_by_the_signature(string field)
    {
        JsonObject honest = Trade();
        Refused(Add(Copy(honest), field, 1, 0), "ForceEqualIfEnabled");
    }

    [Fact]
    public void Fields_that_also_decide_where_a_row_acts_are_bound_by_the_signature()
    {
        JsonObject honest = Trade();
        Refused(Add(Copy(honest), "rowSlot", 1, 0), "ForceEqualIfEnabled", "Settlement");
        Refused(Add(Copy(honest), "rowNonce", 1, 0), "ForceEqualIfEnabled", "Settlement");
        Refused(Set(Copy(honest), "rowAccount", 3, 0), "ForceEqualIfEnabled", "Settlement");
        Refused(Set(Copy(honest), "rowInstrument", BatchFactory.EthPerpetual, 0), "ForceEqualIfEnabled", "Settlement");
        Refused(Add(Copy(honest), "domain", 1), "ForceEqualIfEnabled");
    }

    [Fact]
    public void A_key_that_is_not_the_owners_is_refused()
    {
        // Signed correctly, but by account 3's key for account 2's order.
        BatchFactory factory = SettlementTests.Traders();
        SealedBatch batch = factory.Begin().Trade(2, 3, BatchFactory.BtcPerpetual, 40, 61_900_000).Seal();
        EddsaSignature stolen = BatchFactory.KeyOf(3).Sign(batch.Rows[0].Request.Message(factory.Domain));
        JsonObject json = SettlementInput.Build(batch).ToJson();
        Set(json, "rowR8x", stolen.R8x.ToBigInteger(), 0);
        Set(json, "rowR8y", stolen.R8y.ToBigInteger(), 0);
        Set(json, "rowS", stolen.S.ToBigInteger(), 0);
        Refused(json, "ForceEqualIfEnabled");
        Set(json, "rowKeyX", BatchFactory.IdentityOf(3).KeyX.ToBigInteger(), 0);
        Set(json, "rowKeyY", BatchFactory.IdentityOf(3).KeyY.ToBigInteger(), 0);
        Refused(json, "Settlement");
    }

    [Fact]
    public void Signatures_are_canonical_and_on_the_curve()
    {
        JsonObject honest = Trade();
        BigInteger order = BigInteger.Parse("2736030358979909402780800718157159386076813972158567259200215660948447373041", System.Globalization.CultureInfo.InvariantCulture);
        // S + l satisfies the equation, and still has 253 bits for this signature or not at all.
        JsonObject large = Add(Copy(honest), "rowS", order, 0);
        IReadOnlyList<Rollup.Groth16.ConstraintDescription> failures = Refused(large,
            Get(large, "rowS", 0) < BigInteger.One << 253 ? ["EdDSAPoseidonVerifier"] : ["EdDSAPoseidonVerifier", "Num2Bits", "ForceEqualIfEnabled"]);
        Assert.Contains(failures, f => f.Component.Contains("signature.verifier", StringComparison.Ordinal));

        // Keys of small order: the reserved accounts' (0, 0) is off the curve, (0, -1) and (0, 1) have order 2 and 1.
        JsonObject offCurve = Set(Set(Copy(honest), "rowKeyX", 0, 0), "rowKeyY", 0, 0);
        Assert.Contains("BabyCheck", Violations(offCurve));
        JsonObject small = Set(Set(Copy(honest), "rowKeyX", 0, 0), "rowKeyY", -1, 0);
        Assert.Contains("EdDSAPoseidonVerifier", Violations(small));
        JsonObject r8 = Add(Copy(honest), "rowR8x", 1, 0);
        Assert.Contains("BabyCheck", Violations(r8));
    }

    [Fact]
    public void A_row_acts_on_the_block_that_it_names()
    {
        JsonObject honest = Trade();
        Refused(Set(Copy(honest), "rowBlock", 3, 0), "Settlement");
        Refused(Set(Copy(honest), "rowBlock", 0, 0), "Settlement");
        Refused(Set(Copy(honest), "keyMultiplicity", 2, 1, 0), "Settlement");
        Refused(Set(Copy(honest), "rowOwner", 1234, 0), "Settlement");
    }

    [Fact]
    public void An_expired_request_and_a_spent_nonce_are_refused()
    {
        JsonObject honest = Trade();
        JsonObject late = Set(Copy(honest), "open", Get(honest, "rowExpiry", 0));
        Refused(late, "Num2Bits");

        // A fill that the slot does not record, by claiming an older slot state: the slots do not chain.
        BatchFactory factory = SettlementTests.Traders();
        factory.Begin().Order(2, 0, 5, false, BatchFactory.BtcPerpetual, 40, 61_900_000, 40, 40 * 61_900_000L).Order(3, 0, 5, true, BatchFactory.BtcPerpetual, 40, 61_900_000, 40, 40 * 61_900_000L).Seal();
        JsonObject spent = Accepted(SettlementInput.Build(factory.Begin()
            .Order(2, 0, 6, false, BatchFactory.BtcPerpetual, 40, 61_900_000, 40, 40 * 61_900_000L).Order(3, 0, 6, true, BatchFactory.BtcPerpetual, 40, 61_900_000, 40, 40 * 61_900_000L).Seal()));
        Refused(Set(Copy(spent), "rowOldFilled", 0, 0), "Settlement");
        Refused(Set(Copy(spent), "rowOldNonce", 7, 0), "Num2Bits", "Settlement");
    }

    [Fact]
    public void A_withdrawal_takes_what_it_says_of_cash_or_spot_and_ends_with_cash()
    {
        JsonObject honest = Trade(b => b.Withdraw(3, 4, 6, 0, 99));
        Refused(Add(Copy(honest), "rowFill", 1, 2), "SignedRow", "Num2Bits", "Settlement");
        // Calling the withdrawal an order, so that the block need not end with cash.
        Refused(Set(Set(Copy(honest), "keyMultiplicity", 2, Last, 0), "keyMultiplicity", 0, Last, 1), "Settlement");

        // Withdrawing lots of a perpetual.
        BatchFactory factory = SettlementTests.Traders();
        factory.Begin().Trade(2, 3, BatchFactory.BtcPerpetual, 40, 61_900_000).Seal();
        Refused(SettlementInput.Build(factory.Begin().Withdraw(2, 4, 6, BatchFactory.BtcPerpetual, 10).Seal()).ToJson(), "SignedRow");
        Accepted(SettlementInput.Build(factory.Begin().Withdraw(3, 4, 6, 0, 10).Seal()));
    }

    [Fact]
    public void A_cancel_kills_its_slot_and_changes_nothing_else()
    {
        BatchFactory factory = SettlementTests.Traders();
        Accepted(SettlementInput.Build(factory.Begin().Cancel(3, 0, 8).Seal()));
        // The cancelled nonce can be claimed once more (the slot rule), but no lot can be filled under it.
        Assert.Throws<ArgumentException>(() => factory.Begin().Order(3, 0, 8, true, BatchFactory.BtcPerpetual, 40, 61_900_000, 1, 61_900_000));
        JsonObject honest = Accepted(SettlementInput.Build(SettlementTests.Traders().Begin().Cancel(3, 0, 8).Seal()));
        Refused(Set(Copy(honest), "rowFill", 1, 0), "SignedRow", "Settlement");
    }

    [Fact]
    public void Operations_act_once_on_their_account()
    {
        BatchFactory factory = SettlementTests.Traders();
        JsonObject honest = Accepted(SettlementInput.Build(factory.Begin().Deposit(2, 0, 500).Deposit(3, BatchFactory.EthSpot, 900).Seal()));
        Refused(Add(Copy(honest), "opAmount", 1, 0), "Settlement");
        Refused(Set(Copy(honest), "opAccount", 3, 0), "Settlement");
        Refused(Set(Set(Copy(honest), "opAccount", 3, 0), "opBlock", 2, 0), "Settlement");
        Refused(Set(Copy(honest), "opAsset", BatchFactory.EthPerpetual, 1), "Settlement");
        Refused(Set(Copy(honest), "opKind", 0, 0, 1), "Operation", "Settlement");
        // A registration that no block takes, and one with another key than the block's.
        JsonObject registration = Accepted(SettlementInput.Build(new BatchFactory(CircuitProfile.Dev).Begin().Register(2, 5_000).Register(3).Seal()));
        Refused(Add(Copy(registration), "opKeyX", 1, 0), "Settlement");
        Refused(Add(Copy(registration), "opOwner", 1, 0), "Settlement");
        Refused(Add(Copy(registration), "opViewKeyHash", 1, 0), "Settlement");
        Refused(Set(Set(Copy(registration), "opKind", 0, 0, 0), "opKind", 1, 0, 1), "Settlement");
    }

    [Fact]
    public void Leaves_paths_and_roots_are_bound()
    {
        JsonObject honest = Trade();
        Refused(Add(Copy(honest), "oldRoot", 1), "AccountBlock");
        Refused(Add(Copy(honest), "newRoot", 1), "Settlement");
        Refused(Add(Copy(honest), "siblings", 1, Last, 11, 2), "AccountBlock", "Settlement");
        Refused(Set(Copy(honest), "account", 4, Last), "AccountBlock", "Settlement");
        Refused(Add(Copy(honest), "viewKey", 1, Last), "AccountBlock", "Settlement");
        // An unused block may not move the leaf.
        JsonObject idle = Accepted(SettlementInput.Build(SettlementTests.Traders().Begin().Deposit(3, 0, 5).Seal()));
        Refused(WithNewRoot(Add(Copy(idle), "newCash", 1, Last)), "AccountBlock", "Settlement");
        Refused(WithNewRoot(Set(Copy(idle), "used", 0, 0)), "AccountBlock");
    }

    /// <summary>Whatever enters a fact, a numerator or a Q moves the second challenge: nothing is free after it.</summary>
    [Theory]
    [InlineData("rowFill", 0), InlineData("rowQuote", 0), InlineData("rowFee", 0), InlineData("rowBlock", 0), InlineData("rowKeyX", 0)]
    [InlineData("rowKeyY", 0), InlineData("rowOwner", 0), InlineData("rowAccount", 0), InlineData("rowInstrument", 0), InlineData("rowSide", 1)]
    [InlineData("rowOldFilled", 0), InlineData("rowMeta", 0), InlineData("rowIndex", 0), InlineData("rowBase", 0), InlineData("rowFunding", 0)]
    [InlineData("rowKindBit", 0, 1), InlineData("rowSlotSiblings", 0, 3, 2), InlineData("keyMultiplicity", 1, 0), InlineData("keyMultiplicity", 1, 1)]
    [InlineData("accountMultiplicity", 1), InlineData("groupMargin", 1, 0), InlineData("slack", 1, 1, 23), InlineData("derivative", 1, 0), InlineData("derivative", 1, 2), InlineData("group", 1, 1), InlineData("used", 1)]
    [InlineData("isNew", 1), InlineData("account", 1), InlineData("owner", 1), InlineData("keyX", 1), InlineData("keyY", 1), InlineData("viewKey", 1)]
    [InlineData("newCash", 1), InlineData("newOrderRoot", 1), InlineData("newId", 1, 0), InlineData("newMagnitude", 1, 0), InlineData("newNegative", 1, 0)]
    [InlineData("opAccount", 0), InlineData("opAsset", 0), InlineData("opAmount", 0), InlineData("opOwner", 0), InlineData("opKeyX", 0), InlineData("opKeyY", 0)]
    [InlineData("opViewKeyHash", 0), InlineData("opBlock", 0), InlineData("opMeta", 0), InlineData("opIndex", 0), InlineData("opBase", 0), InlineData("opActualOwner", 0), InlineData("opUsesMarket", 0), InlineData("requested", 0), InlineData("requestPays", 1), InlineData("opKind", 0, 0)]
    [InlineData("multiplicity", 0, 2), InlineData("bucket", 0), InlineData("feeBlock"), InlineData("feeEnabled"), InlineData("riskRoot"), InlineData("open"), InlineData("oldRoot")]
    public void Everything_in_a_fact_moves_the_challenge(string input, params int[] at)
    {
        (JsonObject honest, Fr gamma) = Shared.Value;
        Assert.NotEqual(gamma, Signal(Add(Copy(honest), input, 1, at), "main.gamma"));
    }

    private static readonly Lazy<(JsonObject Input, Fr Gamma)> Shared = new(() =>
    {
        JsonObject honest = Trade(b => b.Deposit(2, BatchFactory.EthSpot, 90_000));
        return (honest, Signal(honest, "main.gamma"));
    });
}
