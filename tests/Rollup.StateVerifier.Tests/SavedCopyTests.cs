using System.Text.Json.Nodes;
using Rollup.Ethereum;
using Rollup.StateVerifier.Accounts;
using Rollup.StateVerifier.Chain;
using Rollup.StateVerifier.Checks;

namespace Rollup.StateVerifier.Tests;

/// <summary>Copies of L1's answers: the untouched one verifies, and each change is refused by its own check.</summary>
public sealed class SavedCopyTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("rollup-verifier-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task A_copy_verifies_like_the_chain()
    {
        SavedCopy copy = await SaveAsync(new FakeVault());
        var query = new AccountQuery(FakeVault.KeyOf(2));
        AccountStatement saved = Assert.Single(AccountStatement.Of(await HistoryCheck.RunAsync(copy, new Pins(), query), query));
        AccountStatement live = await new FakeVault().ShowAsync(query);
        Assert.Equal((live.Contents, live.Value, live.Health), (saved.Contents, saved.Value, saved.Health));
    }

    [Fact]
    public Task One_byte_of_data() => FailsAsync(Check.Data, 2, "batches/00000002.json", json => FlipDigit(json["commit"]!, "input", 2 * (4 + 32 * 20)));

    [Fact]
    public Task One_root() => FailsAsync(Check.Data, 3, "vault.json", json =>
    {
        JsonNode log = json["logs"]!.AsArray().Last(l => (string)l!["topics"]![0]! == VaultAbi.BatchFinalized.Topic.ToString())!;
        FlipDigit(log, "data", 40);
    });

    [Fact]
    public Task One_proof() => FailsAsync(Check.Proof, 2, "batches/00000002.json", json => FlipDigit(json["proof"]!, "input", 2 * 100));

    [Fact]
    public Task Verifying_key() => FailsAsync(Check.VerifyingKey, null, "vault.json", json => FlipDigit(json["answers"]!, $"verifyingKey() {FakeVault.Verifier}", 2 * 100));

    [Theory]
    [InlineData("vault.json")]
    [InlineData("batches/00000003.json")]
    public async Task Missing_file(string name)
    {
        SavedCopy copy = await SaveAsync(new FakeVault());
        File.Delete(PathOf(name));
        await RefusedAsync(copy, name);
    }

    [Theory]
    [InlineData("vault.json")]
    [InlineData("batches/00000003.json")]
    public async Task Truncated_file(string name)
    {
        SavedCopy copy = await SaveAsync(new FakeVault());
        string text = await File.ReadAllTextAsync(PathOf(name));
        await File.WriteAllTextAsync(PathOf(name), text[..(text.Length / 2)]);
        await RefusedAsync(copy, name);
    }

    [Fact]
    public Task Unknown_member() => RefusedAsync("vault.json", json => json["more"] = 1);

    [Fact]
    public Task Missing_member() => RefusedAsync("batches/00000002.json", json => json.AsObject().Remove("record"));

    [Fact]
    public Task Null_log() => RefusedAsync("vault.json", json => json["logs"]!.AsArray().Add(null));

    [Fact]
    public Task Null_answer() => RefusedAsync("vault.json", json => json["answers"]!["domain()"] = null);

    [Fact]
    public Task Bytes_that_are_not_hexadecimal() => RefusedAsync("batches/00000002.json", json => json["record"] = "0xzz");

    [Fact]
    public async Task Too_large_a_file()
    {
        SavedCopy copy = await SaveAsync(new FakeVault());
        using (FileStream stream = File.OpenWrite(PathOf("batches/00000002.json"))) stream.SetLength((32 << 20) + 1);
        await RefusedAsync(copy, "00000002.json");
    }

    [Fact]
    public async Task A_folder_in_use_is_not_written_to()
    {
        await File.WriteAllTextAsync(PathOf("mine.txt"), "mine");
        await Assert.ThrowsAsync<IOException>(() => SaveAsync(new FakeVault()));
    }

    internal static async Task<SavedCopy> SaveAsync(FakeVault world, string folder)
    {
        IVaultSource source = world.Source();
        var copy = new SavedCopy(folder);
        VaultSnapshot snapshot = await source.ReadSnapshotAsync(null, default);
        await copy.WriteAsync(snapshot, default);
        VaultEvents events = VaultEvents.From(snapshot, VaultParameters.From(snapshot, new Pins()));
        foreach (BatchEvents batch in events.Batches) await copy.WriteAsync(await source.ReadBatchAsync(snapshot, batch, default), default);
        return copy;
    }

    internal static void FlipDigit(JsonNode node, string member, int at)
    {
        char[] text = ((string)node[member]!).ToCharArray();
        text[2 + at] = text[2 + at] == '0' ? '1' : '0';
        node[member] = new string(text);
    }

    private Task<SavedCopy> SaveAsync(FakeVault world) => SaveAsync(world, folder.FullName);

    private string PathOf(string name) => Path.Combine(folder.FullName, name);

    private async Task ChangeAsync(string name, Action<JsonNode> change)
    {
        JsonNode json = JsonNode.Parse(await File.ReadAllTextAsync(PathOf(name)))!;
        change(json);
        await File.WriteAllTextAsync(PathOf(name), json.ToJsonString());
    }

    private async Task FailsAsync(Check check, uint? batch, string name, Action<JsonNode> change)
    {
        SavedCopy copy = await SaveAsync(new FakeVault());
        await HistoryCheck.RunAsync(copy, new Pins(), new AccountQuery());
        await ChangeAsync(name, change);
        var failure = await Assert.ThrowsAsync<CheckFailedException>(() => HistoryCheck.RunAsync(copy, new Pins(), new AccountQuery()));
        Assert.Equal((check, batch), (failure.Check, failure.Batch));
    }

    private async Task RefusedAsync(string name, Action<JsonNode> change)
    {
        SavedCopy copy = await SaveAsync(new FakeVault());
        await ChangeAsync(name, change);
        await RefusedAsync(copy, name);
    }

    private static async Task RefusedAsync(SavedCopy copy, string name)
    {
        var error = await Assert.ThrowsAsync<SavedCopyException>(() => HistoryCheck.RunAsync(copy, new Pins(), new AccountQuery()));
        Assert.Contains(Path.GetFileName(name), error.Message, StringComparison.Ordinal);
    }
}
