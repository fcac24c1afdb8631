using System.Diagnostics;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Bench;

/// <summary>
/// The engine alone on one thread, signatures aside. Two perpetuals; eight makers quote twenty prices a side on each; takers cross one to three
/// quotes with immediate orders, the makers put back what was taken, and move another quote now and then. Every account is margined at every step.
/// </summary>
public sealed class EngineSection : ISection
{
    private const int Makers = 8, Takers = 24, Levels = 20, Rounds = 60_000, Runs = 7;
    private const long Start = 1_700_000_000_000, Mark = 50_000_000, Tick = 1_000, Size = 20;
    private static readonly int[] Instruments = [2, 3];

    /// <inheritdoc/>
    public string Name => "engine";

    /// <inheritdoc/>
    public void Run(Table table)
    {
        var matched = new List<(long, double, double)>();
        var commands = new List<(long, double, double)>();
        var fills = new List<(long, double, double)>();
        for (int run = 0; run < Runs; run++)
        {
            (ClearingEngine engine, Command[] warmUp, Command[] stream) = Session(seed: run);
            foreach (Command command in warmUp) Require(engine.Apply(command).Code);
            GC.Collect();
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            TimeSpan used = Environment.CpuUsage.TotalTime;
            long start = Stopwatch.GetTimestamp();
            (int takers, int filled) = Play(engine, stream);
            double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds, processor = (Environment.CpuUsage.TotalTime - used).TotalSeconds;
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;

            // Every quote is taken whole: each fill is one resting order matched.
            matched.Add((filled + takers, elapsed, processor));
            fills.Add((filled, elapsed, processor));
            commands.Add((stream.Length, elapsed, processor));
            if (run == Runs - 1) table.Add("allocated a command (pools growing)", allocated / (double)stream.Length, "B");
        }

        table.AddRate("orders matched", matched);
        table.AddRate("fills", fills);
        table.AddRate("commands (orders, refills, moves of a quote)", commands);
    }

    private static (int Takers, int Fills) Play(ClearingEngine engine, Command[] stream)
    {
        int takers = 0, fills = 0;
        foreach (Command command in stream)
        {
            Outcome outcome = engine.Apply(command);
            Require(outcome.Code);
            int before = fills;
            foreach (ref readonly EngineEvent e in outcome.Events)
                if (e.Kind == EventKind.Filled) fills++;
            if (fills > before) takers++;
        }

        return (takers, fills);
    }

    private static void Require(RejectCode code)
    {
        if (code != RejectCode.None) throw new InvalidOperationException($"The session has a command that is refused: {code}.");
    }

    /// <summary>An engine with accounts and a first epoch, the quotes to begin with, and the session's commands.</summary>
    private static (ClearingEngine Engine, Command[] WarmUp, Command[] Stream) Session(int seed)
    {
        var config = new EngineConfig(Fr.FromUInt64(99), new CircuitProfile("bench", 64, 1 << 20, 64, 1),
            [new(2, InstrumentKind.Perpetual, 1, Tick, 1), new(3, InstrumentKind.Perpetual, 2, Tick, 1)], FeeRate.FromPpm(100), FeeRate.FromPpm(400));
        var engine = new ClearingEngine(config);
        var inputs = new RiskInputs(1, Time, RiskParameters.Default, [new(1, GroupRange.Bitcoin), new(2, GroupRange.Ether)],
            [.. Instruments.Select(t => new InstrumentInput(t, InstrumentKind.Perpetual, InstrumentFlags.None, t - 1, Mark, Mark, 1_234, 1_000_000))]);
        Require(engine.Apply(Command.OpenEpoch(Time, inputs.Encode())).Code);
        var keys = new EddsaPublicKey[Makers + Takers];
        for (int i = 0; i < keys.Length; i++)
        {
            var secret = new byte[EddsaPrivateKey.SeedLength];
            secret[0] = (byte)i;
            using var key = new EddsaPrivateKey(secret);
            keys[i] = key.PublicKey;
            var registration = new Operation(OperationKind.Register, 2 + i, 0, 1L << 47, default, keys[i].X, keys[i].Y, Poseidon.Hash([Fr.One]));
            Require(engine.Apply(Command.Operation(Time, new QueuedOperation(i, registration, default, Fr.One))).Code);
        }

        var traders = new Traders(keys, seed);
        return (engine, traders.FirstQuotes(), traders.Play(Rounds));
    }

    private static Timestamp Time => Timestamp.FromMilliseconds(Start);

    /// <summary>Writes the session: knows which quotes a taker meets, because every quote is taken whole and put back at once.</summary>
    private sealed class Traders(EddsaPublicKey[] keys, int seed)
    {
        private readonly Random random = new(seed);
        private readonly List<Command> commands = [];
        private readonly long[,] nonces = new long[keys.Length, 256];

        // Quotes of each instrument and side, best first, by arrival within a price.
        private readonly List<Quote>[] books = [[], [], [], []];

        private sealed record Quote(int Maker, byte Slot, int Level);

        internal Command[] FirstQuotes()
        {
            for (int book = 0; book < 4; book++)
                for (int level = 0; level < Levels; level++)
                    for (int i = 0; i < Makers / 4; i++)
                        Put(book, new Quote((level + i * 3) % Makers, (byte)(book * 50 + level * 2 + i), level));
            return Take();
        }

        internal Command[] Play(int rounds)
        {
            for (int round = 0; round < rounds; round++)
            {
                int book = random.Next(4), count = random.Next(1, 4);
                Quote[] hit = [.. books[book].Take(count)];
                books[book].RemoveRange(0, count);
                int taker = Makers + random.Next(keys.Length - Makers);
                Order(taker, NextSlot(), book / 2, sells: book % 2 == 0, count * Size, Price(book, hit[^1].Level), flags: 1);
                foreach (Quote quote in hit) Put(book, quote);
                if (round % 2 == 0) Move(random.Next(4));
            }

            return Take();
        }

        private byte NextSlot() => (byte)random.Next(200);

        private void Move(int book)
        {
            int at = random.Next(books[book].Count);
            Quote quote = books[book][at];
            books[book].RemoveAt(at);
            commands.Add(Request(new SignedRequest(RowKind.Cancel, 0, false, 0, 2 + quote.Maker, quote.Slot, 0, 0, 0, Start * 2, nonces[quote.Maker, quote.Slot]), quote.Maker));
            Put(book, quote with { Level = Math.Clamp(quote.Level + random.Next(-1, 2), 0, Levels - 1) });
        }

        private void Put(int book, Quote quote)
        {
            Order(quote.Maker, quote.Slot, book / 2, sells: book % 2 == 1, Size, Price(book, quote.Level), flags: 4);
            int at = books[book].FindIndex(q => q.Level > quote.Level);
            books[book].Insert(at < 0 ? books[book].Count : at, quote);
        }

        private static long Price(int book, int level) => book % 2 == 1 ? Mark + (1 + level) * Tick : Mark - (1 + level) * Tick;

        private void Order(int trader, byte slot, int instrument, bool sells, long size, long price, byte flags) => commands.Add(Request(
            new SignedRequest(RowKind.Order, flags, sells, Instruments[instrument], 2 + trader, slot, size, price, 1_000, Start * 2, ++nonces[trader, slot]), trader));

        private Command Request(SignedRequest request, int trader)
        {
            Require(RequestVerifier.Restore(request.Pack(), default, keys[trader], out VerifiedRequest? verified));
            return Command.Request(Time, verified!);
        }

        private Command[] Take()
        {
            Command[] taken = [.. commands];
            commands.Clear();
            return taken;
        }
    }
}
