using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;
using Rollup.TestSupport;

namespace Rollup.Engine.Tests;

public sealed class SealedBatchFileTests
{
    private static readonly SealedBatch Sample = MakeSample();

    [Fact]
    public void A_batch_is_read_back_equal_in_every_field()
    {
        byte[] file = SealedBatchFile.Write(Sample);

        SealedBatch read = SealedBatchFile.Read(file);

        Assert.Equal((Sample.Profile, Sample.Domain, Sample.Header, Sample.OldRoot, Sample.NewRoot, Sample.FeeBlock, Sample.FundBlock, Sample.RankingRoot),
            (read.Profile, read.Domain, read.Header, read.OldRoot, read.NewRoot, read.FeeBlock, read.FundBlock, read.RankingRoot));
        Assert.Equal(Sample.Forced.AsEnumerable(), read.Forced);
        Assert.Equal(Sample.RiskInputs.AsEnumerable(), read.RiskInputs);
        Assert.Equal(Sample.RiskRows.AsEnumerable(), read.RiskRows);
        Assert.Equal(Sample.Operations.AsEnumerable(), read.Operations);
        Assert.Equal(Sample.Blocks.Length, read.Blocks.Length);
        foreach ((SealedBlock expected, SealedBlock actual) in Sample.Blocks.Zip(read.Blocks))
        {
            Assert.Equal(expected with { Path = [] }, actual with { Path = [] });
            Assert.Equal(expected.Path.AsEnumerable(), actual.Path);
        }

        Assert.Equal(Sample.Rows.Length, read.Rows.Length);
        foreach ((SealedRow expected, SealedRow actual) in Sample.Rows.Zip(read.Rows))
        {
            Assert.Equal(expected with { SlotPath = [] }, actual with { SlotPath = [] });
            Assert.Equal(expected.SlotPath.AsEnumerable(), actual.SlotPath);
        }
    }

    [Fact]
    public void The_sample_uses_every_part_of_a_batch()
    {
        Assert.Contains(Sample.Operations, o => o.Block is null);
        Assert.Contains(Sample.Operations, o => o.Block is not null);
        Assert.Contains(Sample.Blocks, b => b.New.Cash < 0);
        Assert.Contains(Sample.Blocks, b => b.New.Positions.Any(p => p.Size < 0));
        Assert.Equal([RowKind.Order, RowKind.Withdrawal, RowKind.Cancel], Sample.Rows.Select(r => r.Request.Kind).Distinct().OrderBy(k => k));
        Assert.NotNull(Sample.FeeBlock);
        Assert.NotEqual(Sample.FeeBlock, Sample.FundBlock);
        Assert.Contains(Sample.Blocks, b => b.Payment > 0);
        Assert.NotNull(Sample.Forced.Single().CounterBlock);
    }

    [Fact]
    public void Writing_is_deterministic() => Assert.Equal(SealedBatchFile.Write(Sample), SealedBatchFile.Write(SealedBatchFile.Read(SealedBatchFile.Write(Sample))));

    [Fact]
    public void A_quote_and_a_cash_beyond_64_bit_doubles_survive()
    {
        Int128 quote = (Int128.One << 84) - 3;
        SealedBlock block = Sample.Blocks[0];
        SealedBatch extreme = Sample with
        {
            Rows = [Sample.Rows[0] with { Quote = quote }],
            Blocks = Sample.Blocks.SetItem(0, block with { New = new LeafContents(uint.MaxValue, long.MinValue + 1, block.New.OrderRoot, block.New.Positions) }),
        };

        SealedBatch read = SealedBatchFile.Read(SealedBatchFile.Write(extreme));

        Assert.Equal(quote, read.Rows[0].Quote);
        Assert.Equal((uint.MaxValue, long.MinValue + 1), (read.Blocks[0].New.Version, read.Blocks[0].New.Cash));
    }

    [Fact]
    public void The_last_receipt_survives_and_a_short_hash_is_refused()
    {
        var head = new ReceiptHead(9_007_199_254_740_993, Bytes32.FromBytes([.. Enumerable.Range(3, 32).Select(i => (byte)i)]));
        byte[] file = SealedBatchFile.Write(Sample with { Receipts = head });
        Assert.Equal(head, SealedBatchFile.Read(file).Receipts);
        AssertRefused(f =>
        {
            f["batch"]!["receiptHash"] = "0x0102";
            Reseal(f);
        }, "batch.receiptHash has not 32 bytes.");
    }

    [Theory]
    [InlineData(1u, "000001.sealed.json")]
    [InlineData(4_000_000_000u, "4000000000.sealed.json")]
    public void A_name_holds_the_batch(uint batch, string name)
    {
        Assert.Equal(name, SealedBatchFile.NameOf(batch));
        Assert.True(SealedBatchFile.TryParseName(name, out uint parsed));
        Assert.Equal(batch, parsed);
    }

    [Theory]
    [InlineData("1.sealed.json")]
    [InlineData("000001.sealed.json.tmp")]
    [InlineData("0000001.sealed.json")]
    [InlineData("+00001.sealed.json")]
    [InlineData("99999999999.sealed.json")]
    public void Other_names_are_no_batches(string name) => Assert.False(SealedBatchFile.TryParseName(name, out _));

    [Fact]
    public void Every_flipped_byte_is_refused()
    {
        byte[] file = SealedBatchFile.Write(Sample);
        // A stride that meets digits, punctuation and names alike.
        for (int at = 0; at < file.Length; at += 37)
        {
            byte[] flipped = [.. file];
            flipped[at] ^= 0x01;
            Assert.Throws<SealedBatchFormatException>(() => SealedBatchFile.Read(flipped));
        }

        SealedBatchFile.Read(file);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    public void A_truncated_file_is_refused(int kept) =>
        Assert.Contains("not valid JSON", Assert.Throws<SealedBatchFormatException>(() => SealedBatchFile.Read(SealedBatchFile.Write(Sample).AsMemory(0, kept))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_beyond_the_limit_is_refused_unread() =>
        Assert.Contains("at most 16777216", Assert.Throws<SealedBatchFormatException>(() => SealedBatchFile.Read(new byte[SealedBatchFile.MaxBytes + 1])).Message, StringComparison.Ordinal);

    [Fact]
    public void Another_version_is_named() =>
        AssertRefused(file => file["version"] = 3, "version is 3; this program reads version 4.");

    [Fact]
    public void Damage_is_told_from_another_form()
    {
        AssertRefused(file => file["sha256"] = new string('0', 64), "sha256 is not the digest of the batch: the file is damaged.");
        string spaced = Encoding.UTF8.GetString(SealedBatchFile.Write(Sample)).Replace("\"version\":4,\"sha", "\"version\": 4,\"sha", StringComparison.Ordinal);
        Assert.Contains("canonical", Assert.Throws<SealedBatchFormatException>(() => SealedBatchFile.Read(Encoding.UTF8.GetBytes(spaced))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_that_is_not_unicode_is_refused()
    {
        string file = Encoding.UTF8.GetString(SealedBatchFile.Write(Sample)).Replace("rollup-sealed-batch", "\\ud800", StringComparison.Ordinal);
        Assert.Contains("Unicode", Assert.Throws<SealedBatchFormatException>(() => SealedBatchFile.Read(Encoding.UTF8.GetBytes(file))).Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, string, string> Mutations => new()
    {
        { "profile", "\"huge\"", "batch.profile is none of dev, demo, standard, options." },
        { "domain", "\"0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001\"", "batch.domain must be 0x and 64 hexadecimal digits of a number below r." },
        { "newRoot", "\"17\"", "batch.newRoot must be 0x and 64 hexadecimal digits of a number below r." },
        { "header.batch", "0", "batch.header.batch must be an integer from 1 to 4294967295." },
        { "header.close", "17592186044416", "batch.header.close must be an integer from 0 to 17592186044415." },
        { "header.operationCount", "1", "batch.operations has 2 items where the header counts 1." },
        { "riskInputs", "\"0x123\"", "batch.riskInputs must be 0x and an even number of hexadecimal digits." },
        { "riskRows.1.long.7", "34359738369", "batch.riskRows[1].long[7] must be an integer from -34359738368 to 34359738368." },
        { "riskRows.1.long", "[1,2]", "batch.riskRows[1].long must be an array of 24 items." },
        { "riskRows.0.kind", "0", "batch.riskRows[0] row 1: kind 0 is not an instrument kind." },
        { "operations.0.kind", "5", "batch.operations[0].kind is 5, which is no operation." },
        { "operations.1.amount", "281474976710656", "batch.operations[1].amount must be an integer from 0 to 281474976710655." },
        { "operations.0.owner", "\"0x12\"", "batch.operations[0].owner must be 0x and 40 hexadecimal digits." },
        { "operations.0.block", "3", "batch.operations[0].block must be an integer from 0 to 2." },
        { "blocks.1.isNew", "1", "batch.blocks[1].isNew must be true or false." },
        { "blocks.1.new.cash", "\"9223372036854775808\"", "batch.blocks[1].new.cash must be a string with an integer from -9223372036854775808 to 9223372036854775807." },
        { "blocks.1.new.cash", "5", "batch.blocks[1].new.cash must be a string." },
        { "blocks.1.old.version", "-1", "batch.blocks[1].old.version must be an integer from 0 to 4294967295." },
        { "blocks.1.new.positions", "[{\"instrument\":3,\"size\":5},{\"instrument\":2,\"size\":5}]", "batch.blocks[1].new.positions must ascend strictly in instrument and have no size 0." },
        { "blocks.2.path", "[]", "batch.blocks[2].path must be an array of 36 items." },
        { "rows.0.kind", "4", "batch.rows[0].kind is 4, which is no row." },
        { "rows.1.size", "1.5", "batch.rows[1].size must be an integer from 0 to 281474976710655." },
        { "rows.1.nonce", "0", "batch.rows[1].nonce must be an integer from 1 to 8589934591." },
        { "rows.2.quote", "\"19342813113834066795298816\"", "batch.rows[2].quote must be a string with an integer from 0 to 19342813113834066795298815." },
        { "rows", "{}", "batch.rows must be an array of 0 to 3 items." },
        { "feeBlock", "3", "batch.feeBlock must be an integer from 0 to 2." },
    };

    [Theory]
    [MemberData(nameof(Mutations))]
    public void A_wrong_field_is_named(string path, string json, string message)
    {
        AssertRefused(file =>
        {
            (JsonNode parent, string last) = Navigate(file["batch"]!, path);
            if (parent is JsonArray array) array[int.Parse(last, System.Globalization.CultureInfo.InvariantCulture)] = JsonNode.Parse(json);
            else parent[last] = JsonNode.Parse(json);
            Reseal(file);
        }, message);
    }

    [Theory]
    [InlineData("oldRoot")]
    [InlineData("header.open")]
    [InlineData("operations.1.depositor")]
    [InlineData("blocks.0.viewKey")]
    [InlineData("rows.1.r8x")]
    public void A_missing_and_an_unknown_field_are_named(string path)
    {
        string shown = "batch." + System.Text.RegularExpressions.Regex.Replace(path, @"\.(\d+)", "[$1]");
        AssertRefused(file =>
        {
            (JsonNode parent, string last) = Navigate(file["batch"]!, path);
            parent.AsObject().Remove(last);
            Reseal(file);
        }, $"{shown} is missing.");
        AssertRefused(file =>
        {
            (JsonNode parent, _) = Navigate(file["batch"]!, path);
            parent["surplus"] = 1;
            Reseal(file);
        }, $"{shown[..shown.LastIndexOf('.')]}.surplus is not a known field.");
    }

    [Fact]
    public void A_duplicate_field_is_refused()
    {
        string file = Encoding.UTF8.GetString(SealedBatchFile.Write(Sample)).Replace("\"version\":4,\"sha", "\"version\":4,\"version\":4,\"sha", StringComparison.Ordinal);
        Assert.Contains("not valid JSON", Assert.Throws<SealedBatchFormatException>(() => SealedBatchFile.Read(Encoding.UTF8.GetBytes(file))).Message, StringComparison.Ordinal);
    }

    private static void AssertRefused(Action<JsonNode> change, string message)
    {
        JsonNode file = JsonNode.Parse(SealedBatchFile.Write(Sample))!;
        change(file);
        var error = Assert.Throws<SealedBatchFormatException>(() => SealedBatchFile.Read(Encoding.UTF8.GetBytes(file.ToJsonString())));
        Assert.Equal(message, error.Message);
    }

    // So that the field itself is what is found wrong.
    private static void Reseal(JsonNode file) =>
        file["sha256"] = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(file["batch"]!.ToJsonString())));

    private static (JsonNode Parent, string Last) Navigate(JsonNode root, string path)
    {
        string[] parts = path.Split('.');
        JsonNode node = root;
        foreach (string part in parts[..^1]) node = node is JsonArray array ? array[int.Parse(part, System.Globalization.CultureInfo.InvariantCulture)]! : node[part]!;
        return (node, parts[^1]);
    }

    private static SealedBatch MakeSample()
    {
        var factory = new BatchFactory(CircuitProfile.Dev);
        factory.Begin().Register(2, cash: 90_000_000).Register(3, cash: 80_000_001).Seal();
        SealedBatch batch = factory.Begin()
            .Deposit(3, BatchFactory.EthSpot, 250).Deposit(9, 0, 77, accepted: false)
            .Order(2, 4, 1, sell: true, BatchFactory.BtcPerpetual, size: 9, limit: 61_000_000, fill: 5, quote: 309_000_005)
            .Withdraw(3, 5, 1, 0, 80_000_123)
            .Cancel(3, 6, 2)
            .Seal();
        // No batch would have all of it at once; the file does not mind.
        return batch with
        {
            Blocks = batch.Blocks.SetItem(2, batch.Blocks[2] with { Payment = 555_000_111 }),
            Forced = [new SealedForcedRow(ForcedKind.Deleverage, Block: 1, CounterBlock: 2, BatchFactory.EthPerpetual, OldSize: -4_001, CounterOldSize: 5_003,
                Fill: 307, Quote: (Int128.One << 83) + 9, Fee: 13)],
            FundBlock = 1,
            RankingRoot = batch.NewRoot.Square(),
        };
    }
}
