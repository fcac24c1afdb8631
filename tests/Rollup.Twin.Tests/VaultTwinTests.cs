using System.Numerics;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.ProverBridge.Settlement;
using Rollup.Protocol;
using Rollup.TestSupport;
using Rollup.Witness;

namespace Rollup.Twin.Tests;

/// <summary>
/// One session through all three: the engine executes what the vault queued and traders signed, the compiled circuit makes a witness of each
/// batch that it seals, and the vault on a local chain takes the same batch. The verifier is the real one, under a key whose secret is known: a proof
/// made for the witness's public signals holds on the chain only if the vault derives the very same.
/// </summary>
public sealed class VaultTwinTests
{
    private const int Buyer = 2, Seller = 3, Refused = 4;

    // Places in the public data (spec 5.1).
    private const int OldRoot = 2, NewRoot = 3, FirstOperation = 5;

    private static readonly AbiEvent OperationQueued = AbiEvent.Parse("OperationQueued(uint40 indexed index,address indexed depositor,uint256[5] words)");
    private static readonly AbiEvent BatchCommitted = AbiEvent.Parse("BatchCommitted(uint32 indexed batch,uint256 newRoot,uint256 riskRoot,bytes32 dataHash)");
    private static readonly AbiEvent BatchFinalized = AbiEvent.Parse("BatchFinalized(uint32 indexed batch,uint256 root)");
    private static readonly AbiFunction GenesisRoot = AbiFunction.Parse("genesisRoot()(uint256)");

    // root, riskRoot, commitment, challenge, evaluation, payouts, close, committedAt, operationEnd, status, proveBy, receiptNumber, receiptHash, riskInputsHash.
    private static readonly AbiFunction Batches = AbiFunction.Parse("batches(uint32)((uint256,uint256,uint256,uint256,uint256,bytes32,uint64,uint40,uint40,uint8,uint40,uint64,bytes32,bytes32))");

    [AnvilFact]
    public async Task Engine_witness_and_vault_agree_on_a_session_and_the_vault_refuses_its_changed_copies()
    {
        await using AnvilProcess anvil = await LocalVault.StartChainAsync();
        LocalVault vault = await LocalVault.DeployAsync(anvil, CircuitProfile.Dev, KnownKey.Key);
        var session = new EngineSession(vault.Domain);
        var chain = new Chain(anvil, vault);
        Assert.Equal(session.Status.AccountRoot, Fr.FromBigInteger((BigInteger)(await anvil.Client.CallAsync(vault.Address, GenesisRoot, []))[0]));

        await vault.RegisterAsync(Buyer, 40_000_000_002);
        await vault.RegisterAsync(Seller, 30_000_000_003);
        session.OpenEpoch(btc: 61_800_000, eth: 2_680_000);
        await chain.FeedAsync(session);
        await chain.SettleAsync(session, session.Seal()!);

        await vault.DepositAsync(Buyer, BatchFactory.EthSpot, 90_000);
        await vault.RegisterAsync(Refused, 777);
        session.OpenEpoch(btc: 61_900_000, eth: 2_690_000);
        await chain.FeedAsync(session, refused: Refused);
        session.Pass(20);
        Assert.Equal(RejectCode.None, session.Send(Order(Seller, slot: 5, sell: true, size: 50, limit: 61_910_000, session.Now)));
        Assert.Equal(RejectCode.None, session.Send(Order(Buyer, slot: 9, sell: false, size: 40, limit: 61_915_000, session.Now)));
        Assert.Equal(RejectCode.None, session.Send(new SignedRequest(RowKind.Withdrawal, 0, true, 0, Seller, 6, 1_000_001, 0, 0, session.Now + 60_000, 4)));
        SealedBatch batch = session.Seal()!;
        Assert.Equal((3, 3, 2), (batch.Blocks.Length, batch.Rows.Length, batch.Operations.Length)); // Buyer, seller and fees; the trade and the withdrawal; one bounces.
        await chain.RefusesAsync(batch);
        await chain.SettleAsync(session, batch);
        Assert.Equal(1_000_001, await vault.CreditsAsync(BatchFactory.OwnerOf(Seller), 0));
        Assert.Equal(777, await vault.CreditsAsync(BatchFactory.OwnerOf(Refused), 0));
    }

    private static SignedRequest Order(int account, byte slot, bool sell, long size, long limit, long now) =>
        new(RowKind.Order, new OrderFlags(TimeInForce.GoodTillCancel, false, false, SelfTradePrevention.CancelResting, false).Encode(), sell, BatchFactory.BtcPerpetual, account, slot, size, limit, 500, now + 60_000, 3);

    private sealed class Chain(AnvilProcess anvil, LocalVault vault)
    {
        private readonly Address @operator = AnvilProcess.Key(LocalVault.OperatorKey).Address;
        private ulong readUpTo;

        /// <summary>Gives the engine what the vault has queued since, with the view keys but that of <paramref name="refused"/>.</summary>
        public async Task FeedAsync(EngineSession session, int? refused = null)
        {
            ulong head = await anvil.Client.GetBlockNumberAsync();
            foreach (Log log in await anvil.Client.GetLogsAsync(LogFilter.Events(vault.Address, OperationQueued), readUpTo, head))
            {
                object[] queued = OperationQueued.Decode(log);
                Assert.True(Operation.TryDecode([.. ((object[])queued[2]).Select(Field)], out Operation operation));
                Fr? viewKey = operation.Kind == OperationKind.Register && operation.Account != refused ? BatchFactory.IdentityOf(operation.Account).ViewKey : null;
                Assert.Equal(RejectCode.None, session.Feed(new QueuedOperation((long)(BigInteger)queued[0], operation, (Address)queued[1], viewKey)));
            }

            readUpTo = head + 1;
        }

        /// <summary>Takes a batch to its end, comparing the three at each step.</summary>
        public async Task SettleAsync(EngineSession session, SealedBatch batch)
        {
            (BatchCalldata data, Fr[] signals) = Witness(batch);
            uint number = batch.Header.Batch;
            Assert.Equal(session.Status.AccountRoot, batch.NewRoot);
            await SendAsync(Vault.Commit(data));
            object[] committed = BatchCommitted.Decode(await LastLogAsync(BatchCommitted));
            Assert.Equal((number, batch.NewRoot, signals[3]), ((uint)(BigInteger)committed[0], Field(committed[1]), Field(committed[2])));
            Assert.Equal(Keccak.Hash256([.. data.Words.SelectMany(w => w.ToBigEndianBytes())]), (byte[])committed[3]);

            object[] record = (object[])(await anvil.Client.CallAsync(vault.Address, Batches, [number]))[0];
            Assert.Equal([signals[0], signals[1], signals[2], signals[3]], [Field(record[2]), Field(record[4]), Field(record[3]), Field(record[1])]);
            Assert.Equal(batch.NewRoot, Field(record[0]));
            Assert.Equal((batch.Header.Close, session.Status.NextOperation), ((long)(BigInteger)record[6], (long)(BigInteger)record[8]));

            await SendAsync(Prove(number, signals));
            await SendAsync(Vault.Finalize(number, data.Payouts));
            object[] final = BatchFinalized.Decode(await LastLogAsync(BatchFinalized));
            Assert.Equal((number, session.Status.AccountRoot), ((uint)(BigInteger)final[0], Field(final[1])));
        }

        /// <summary>Copies of an honest batch with one thing changed, and the error that each ends with.</summary>
        public async Task RefusesAsync(SealedBatch batch)
        {
            (BatchCalldata data, Fr[] signals) = Witness(batch);
            uint number = batch.Header.Batch;
            int cipher = data.Words.Length - 1;
            await CallAsync(Vault.Commit(data)); // The control: the honest one is taken.
            await CommitFailsAsync(data with { Words = data.Words.SetItem(OldRoot, batch.OldRoot + Fr.One) }, "WrongOldRoot(uint256 root,uint256 expected)");
            await CommitFailsAsync(data with { Words = data.Words.SetItem(FirstOperation, data.Words[FirstOperation] + Fr.One) }, "WrongOperations(bytes32 prefix,bytes32 expected)");
            await CommitFailsAsync(data with { Words = data.Words.RemoveAt(cipher) }, "WordCount(uint256 count,uint256 expected)");

            // What the vault cannot see for itself changes its challenge and evaluation: no proof of the honest batch holds for them.
            (string What, BatchCalldata Changed)[] unseen =
            [
                ("a byte of an encrypted leaf", data with { Words = data.Words.SetItem(cipher, data.Words[cipher] + Fr.One) }),
                ("new root", data with { Words = data.Words.SetItem(NewRoot, batch.NewRoot + Fr.One) }),
                ("commitment", data with { Commitment = data.Commitment + Fr.One }),
                ("risk root", data with { RiskRoot = data.RiskRoot + Fr.One }),
            ];
            foreach ((string what, BatchCalldata changed) in unseen)
            {
                string before = await anvil.SnapshotAsync();
                await SendAsync(Vault.Commit(changed));
                await FailsAsync(Prove(number, signals), "ProofRejected(uint256 batch)", what);
                await anvil.RevertAsync(before);
            }

            string honest = await anvil.SnapshotAsync();
            await SendAsync(Vault.Commit(data));
            await SendAsync(Prove(number, signals));
            await FailsAsync(Vault.Finalize(number, data.Payouts.SetItem(0, data.Payouts[0] + Fr.One)), "WrongPayouts(bytes32 payouts,bytes32 expected)", "payouts");
            await anvil.RevertAsync(honest);
        }

        /// <summary>The vault's call data of a batch, and C, y, z, riskRoot as the circuit's witness holds them.</summary>
        private static (BatchCalldata Data, Fr[] Signals) Witness(SealedBatch batch)
        {
            SettlementInput input = SettlementInput.Build(batch);
            Fr[] witness = Dishonest.Circuit.Witness(input.ToJson());
            Assert.Empty(Dishonest.Circuit.Failures(witness, limit: 3));
            Assert.Equal(input.PublicInputs.AsSpan(), witness.AsSpan(1, 4));
            return (BatchCalldata.Of(batch, input, LocalVault.RequestDeposit), witness[1..5]);
        }

        private static byte[] Prove(uint batch, Fr[] signals) => Vault.Prove(batch, KnownKey.Forge(signals).ToEvmWords());

        private Task SendAsync(byte[] data) => vault.SendAsAsync(@operator, vault.Address, data);

        private Task<byte[]> CallAsync(byte[] data) => anvil.Client.CallAsync(new CallRequest(vault.Address, data) { From = @operator });

        private Task CommitFailsAsync(BatchCalldata data, string error) => FailsAsync(Vault.Commit(data), error, error);

        private async Task FailsAsync(byte[] data, string error, string what)
        {
            EthereumRpcException refusal = await Assert.ThrowsAsync<EthereumRpcException>(() => CallAsync(data));
            Assert.True(refusal.Revert?.Is(AbiFunction.Parse(error)), $"{what}: {refusal.Message}, where {error} was due");
        }

        private async Task<Log> LastLogAsync(AbiEvent @event) =>
            (await anvil.Client.GetLogsAsync(LogFilter.Events(vault.Address, @event), 0, await anvil.Client.GetBlockNumberAsync()))[^1];
    }

    private static Fr Field(object word) => Fr.FromBigInteger((BigInteger)word);
}
