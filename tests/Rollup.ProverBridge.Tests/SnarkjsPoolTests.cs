using System.Diagnostics;
using System.Globalization;
using Rollup.Circuits;
using Rollup.ProverBridge.Monitoring;
using Rollup.ProverBridge.Proving;
using Rollup.Proving;

namespace Rollup.ProverBridge.Tests;

public sealed class SnarkjsPoolTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task One_worker_makes_many_proofs_that_hold()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        await using SnarkjsPool pool = circuit.Pool();
        ProofMaker maker = circuit.Maker(pool, folder.File("work"));
        bool began = false;

        await maker.MakeAsync(1, FactorsCircuit.Input(11, 13, 17), FactorsCircuit.Publics(11, 13, 17), () => began = true, default);
        int worker = Assert.Single(pool.ProcessIds);
        await maker.MakeAsync(2, FactorsCircuit.Input(65535, 19, 23), FactorsCircuit.Publics(65535, 19, 23), () => { }, default);

        Assert.True(began);
        Assert.Equal(worker, Assert.Single(pool.ProcessIds));
        Assert.Empty(Directory.GetFileSystemEntries(folder.File("work")));
    }

    [Fact]
    public async Task A_broken_constraint_is_named_and_the_worker_lives_on()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        await using SnarkjsPool pool = circuit.Pool();
        ProofMaker maker = circuit.Maker(pool, folder.File("work"));

        await maker.MakeAsync(1, FactorsCircuit.Input(5, 7, 9), FactorsCircuit.Publics(5, 7, 9), () => { }, default);
        int worker = Assert.Single(pool.ProcessIds);
        Task<ProverException> Refuse() => Assert.ThrowsAsync<ProverException>(() =>
            maker.MakeAsync(2, FactorsCircuit.Input(65536, 7, 9), FactorsCircuit.Publics(65536, 7, 9), () => { }, default));
        ProverException refusal = await Refuse();
        Assert.Equal(ProverFault.Refused, refusal.Fault);
        Assert.Contains("Num2Bits", refusal.Message, StringComparison.Ordinal);

        // What the generator collected of the failure reaches neither the next message nor the next witness.
        Assert.Equal(refusal.Message, (await Refuse()).Message);
        await maker.MakeAsync(3, FactorsCircuit.Input(6, 7, 9), FactorsCircuit.Publics(6, 7, 9), () => { }, default);
        Assert.Equal(worker, Assert.Single(pool.ProcessIds));
    }

    [Fact]
    public async Task A_missing_signal_is_named()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        await using SnarkjsPool pool = circuit.Pool();
        CircuitInput input = FactorsCircuit.InputOf(("a", 5), ("shift", 9));
        var refusal = await Assert.ThrowsAsync<ProverException>(() => circuit.Maker(pool, folder.File("work")).MakeAsync(1, input, FactorsCircuit.Publics(5, 7, 9), () => { }, default));
        Assert.Equal(ProverFault.Refused, refusal.Fault);
    }

    [Fact]
    public async Task Malformed_input_is_refused_without_being_quoted()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        await using SnarkjsPool pool = circuit.Pool();
        File.WriteAllText(folder.File("input.json"), "{\"a\": secret-view-key}");
        var refusal = await Assert.ThrowsAsync<ProverException>(() => pool.WitnessAsync(folder.File("input.json"), folder.File("w.wtns"), default));
        Assert.Contains("is not readable JSON", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_worker_killed_in_the_middle_of_a_proof_fails_the_attempt_and_is_replaced()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        var metrics = new Metrics();
        await using SnarkjsPool pool = circuit.Pool(worker: FactorsCircuit.StandIn("hang-once.mjs"), metrics: metrics);
        ProofMaker maker = circuit.Maker(pool, folder.File("work"));

        Task first = maker.MakeAsync(1, FactorsCircuit.Input(5, 7, 9), FactorsCircuit.Publics(5, 7, 9), () => { }, default);
        await Sample.UntilAsync(() => File.Exists(folder.File("hung")));
        int victim = Assert.Single(pool.ProcessIds);
        using (Process process = Process.GetProcessById(victim)) process.Kill(); // SIGKILL

        var death = await Assert.ThrowsAsync<ProverException>(() => first);
        Assert.Equal(ProverFault.Died, death.Fault);
        Assert.Contains("ended during 'prove' with exit code 137 (signal 9)", death.Message, StringComparison.Ordinal);

        await maker.MakeAsync(1, FactorsCircuit.Input(5, 7, 9), FactorsCircuit.Publics(5, 7, 9), () => { }, default);
        Assert.NotEqual(victim, Assert.Single(pool.ProcessIds));
        Assert.Equal(2, metrics.WorkersStarted.Value);
    }

    [Fact]
    public async Task A_hanging_worker_is_ended_when_its_time_is_up_and_replaced()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        var metrics = new Metrics();
        await using SnarkjsPool pool = circuit.Pool(worker: FactorsCircuit.StandIn("misbehave.mjs"), timeout: 5, metrics: metrics);

        var timeout = await Assert.ThrowsAsync<ProverException>(() => pool.WitnessAsync(folder.File("hang"), folder.File("w.wtns"), default));

        Assert.Equal(ProverFault.TimedOut, timeout.Fault);
        Assert.Contains("did not finish 'witness' within 5 s and was ended", timeout.Message, StringComparison.Ordinal);
        Assert.Empty(pool.ProcessIds);
        Assert.False(IsRunning(int.Parse(File.ReadAllText(folder.File("hang.mark")), CultureInfo.InvariantCulture)));
        await pool.WitnessAsync(folder.File("hang"), folder.File("w.wtns"), default);
        Assert.Equal(2, metrics.WorkersStarted.Value);
    }

    [Fact]
    public async Task A_worker_that_died_while_idle_is_replaced_unnoticed()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        await using SnarkjsPool pool = circuit.Pool();
        ProofMaker maker = circuit.Maker(pool, folder.File("work"));
        await maker.MakeAsync(1, FactorsCircuit.Input(5, 7, 9), FactorsCircuit.Publics(5, 7, 9), () => { }, default);
        int victim = Assert.Single(pool.ProcessIds);
        using (Process process = Process.GetProcessById(victim))
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        await Sample.UntilAsync(() => pool.ProcessIds.Count == 0);
        await maker.MakeAsync(2, FactorsCircuit.Input(6, 7, 9), FactorsCircuit.Publics(6, 7, 9), () => { }, default);
        Assert.NotEqual(victim, Assert.Single(pool.ProcessIds));
    }

    [Theory]
    [InlineData("leak", ProverFault.MemoryExceeded, "above its limit of 300 MB")]
    [InlineData("garbage", ProverFault.Died, "broke its protocol")]
    [InlineData("other", ProverFault.Died, "the reply answers another request")]
    [InlineData("flood", ProverFault.Died, "ended during 'witness'")]
    [InlineData("exit", ProverFault.Died, "exit code 7; node said: cannot go on")]
    public async Task A_misbehaving_worker_is_ended_with_its_reason(string behaviour, object fault, string message)
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        await using SnarkjsPool pool = circuit.Pool(worker: FactorsCircuit.StandIn("misbehave.mjs"), megabytes: 300);
        var error = await Assert.ThrowsAsync<ProverException>(() => pool.WitnessAsync(folder.File(behaviour), folder.File("w.wtns"), default));
        Assert.Equal((ProverFault)fault, error.Fault);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Empty(pool.ProcessIds);
    }

    [Fact]
    public async Task A_worker_that_rests_above_half_its_limit_is_replaced_between_requests()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        var metrics = new Metrics();
        // node and snarkjs alone rest above 64 MB.
        await using SnarkjsPool pool = circuit.Pool(megabytes: 4096, metrics: metrics);
        await using SnarkjsPool tight = new(new WorkerOptions("node", FactorsCircuit.RealWorker, circuit.Files.Wasm, null, TimeSpan.FromSeconds(120), 1L << 40), 1, new MemoryLog<SnarkjsPool>(), metrics);
        File.WriteAllText(folder.File("input.json"), FactorsCircuit.Input(5, 7, 9).ToJson().ToJsonString());
        await tight.WitnessAsync(folder.File("input.json"), folder.File("a.wtns"), default);
        int first = Assert.Single(tight.ProcessIds);
        long resting = metrics.WorkerPeakBytes.Value;
        Assert.InRange(resting, 32L << 20, 1L << 31);

        await using SnarkjsPool leaking = new(new WorkerOptions("node", FactorsCircuit.RealWorker, circuit.Files.Wasm, null, TimeSpan.FromSeconds(120), resting * 5 / 4), 1, new MemoryLog<SnarkjsPool>(), metrics);
        await leaking.WitnessAsync(folder.File("input.json"), folder.File("b.wtns"), default);
        Assert.Empty(leaking.ProcessIds);
        await tight.WitnessAsync(folder.File("input.json"), folder.File("c.wtns"), default);
        Assert.Equal(first, Assert.Single(tight.ProcessIds));
    }

    [Fact]
    public async Task A_program_that_is_not_there_is_named()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        await using SnarkjsPool pool = new(new WorkerOptions("no-such-node", FactorsCircuit.RealWorker, circuit.Files.Wasm, null, TimeSpan.FromSeconds(5), 1 << 30), 1, new MemoryLog<SnarkjsPool>(), new Metrics());
        var error = await Assert.ThrowsAsync<ProverException>(() => pool.WitnessAsync("i", "o", default));
        Assert.Equal(ProverFault.NotStarted, error.Fault);
        Assert.Contains("no-such-node", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stop_in_the_middle_of_a_proof_ends_the_worker()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        await using SnarkjsPool pool = circuit.Pool(worker: FactorsCircuit.StandIn("hang-once.mjs"));
        using var stop = new CancellationTokenSource();
        Task proving = circuit.Maker(pool, folder.File("work")).MakeAsync(1, FactorsCircuit.Input(5, 7, 9), FactorsCircuit.Publics(5, 7, 9), () => { }, stop.Token);
        await Sample.UntilAsync(() => File.Exists(folder.File("hung")));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => proving);
        Assert.Empty(pool.ProcessIds);
        Assert.Empty(Directory.GetFileSystemEntries(folder.File("work")));
    }

    [Fact]
    public async Task A_worker_ends_with_its_standard_input_even_while_it_works()
    {
        FactorsCircuit circuit = await FactorsCircuit.GetAsync();
        using Process worker = Process.Start(new ProcessStartInfo("node", [FactorsCircuit.RealWorker]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        await worker.StandardInput.WriteLineAsync($"{{\"id\":1,\"op\":\"load\",\"wasm\":\"{circuit.Files.Wasm}\",\"zkey\":null}}");
        await worker.StandardInput.FlushAsync();
        Assert.Contains("\"ok\":true", await worker.StandardOutput.ReadLineAsync(), StringComparison.Ordinal);
        worker.StandardInput.Close(); // What the kernel does when the bridge is killed.
        await worker.WaitForExitAsync();
        Assert.Equal(0, worker.ExitCode);
    }

    [Fact]
    public async Task A_request_beyond_the_limit_ends_the_worker()
    {
        using Process worker = Process.Start(new ProcessStartInfo("node", [FactorsCircuit.RealWorker]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        await worker.StandardInput.WriteAsync(new string('x', 70_000));
        await worker.StandardInput.FlushAsync();
        await worker.WaitForExitAsync();
        Assert.Equal(2, worker.ExitCode);
    }

    private static bool IsRunning(int process) => Directory.Exists($"/proc/{process}");
}
