using System.Collections.Immutable;
using System.Numerics;
using System.Text.Json;
using Rollup.Protocol;

namespace Rollup.Watcher;

/// <summary>What outlives a restart. History is not in it: that is read from L1 again, but what was judged is not judged again.</summary>
/// <param name="SpentWei">Decimal.</param>
/// <param name="Stakes">Atoms staked on each batch, until its challenge is answered.</param>
/// <param name="Told">Keys of the alerts that were raised.</param>
/// <param name="Judged">The last batch for which, and for all before, every check held.</param>
/// <param name="JudgedCommit">The transaction of its commit: it names the root that it builds on, and so all before.</param>
internal sealed record SavedState(string SpentWei, ImmutableSortedDictionary<uint, long> Stakes, ImmutableSortedSet<string> Told, uint Judged = 0, string? JudgedCommit = null);

/// <summary>The state and its file, written whole at every change.</summary>
internal sealed class WatcherState
{
    private readonly string path;
    private SavedState state;

    /// <exception cref="WatcherException">The file is damaged: it holds what was spent, so it is not passed over.</exception>
    internal WatcherState(string folder)
    {
        Directory.CreateDirectory(folder);
        path = Path.Combine(folder, "state.json");
        try
        {
            state = File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), WatcherJson.Default.SavedState)!
                : new SavedState("0", ImmutableSortedDictionary<uint, long>.Empty, []);
            Spent = BigInteger.Parse(state.SpentWei, System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (Exception error) when (error is JsonException or FormatException or NullReferenceException)
        {
            throw new WatcherException($"{path} cannot be read; it says what the watcher has spent. {error.Message}", error);
        }
    }

    /// <summary>Wei.</summary>
    internal BigInteger Spent { get; private set; }

    internal IReadOnlyDictionary<uint, long> Stakes => state.Stakes;

    internal void Spend(BigInteger wei)
    {
        Spent += wei;
        Save(state with { SpentWei = Spent.ToString(System.Globalization.CultureInfo.InvariantCulture) });
    }

    internal void Stake(uint batch, long atoms) => Save(state with { Stakes = state.Stakes.SetItem(batch, atoms) });

    internal void Answered(uint batch) => Save(state with { Stakes = state.Stakes.Remove(batch) });

    /// <summary>The last batch for which every check held, and the transaction of its commit; 0 if there is none.</summary>
    internal (uint Batch, Bytes32 Commit) Judged => state.JudgedCommit is { } commit ? (state.Judged, Bytes32.Parse(commit)) : default;

    internal void Judge(uint batch, Bytes32 commit) => Save(state with { Judged = batch, JudgedCommit = commit.ToString() });

    /// <returns>Whether this is the first time.</returns>
    internal bool Tell(string key)
    {
        if (state.Told.Contains(key)) return false;
        Save(state with { Told = state.Told.Add(key) });
        return true;
    }

    private void Save(SavedState next)
    {
        using (var file = new FileStream(path + ".tmp", FileMode.Create, FileAccess.Write))
        {
            file.Write(JsonSerializer.SerializeToUtf8Bytes(next, WatcherJson.Default.SavedState));
            file.Flush(flushToDisk: true);
        }

        File.Move(path + ".tmp", path, overwrite: true);
        state = next;
    }
}
