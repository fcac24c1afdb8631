using Rollup.Crypto;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>Deploys the contract that works out risk roots, after the three that hold Poseidon's tables for it (contracts/script/RiskTables.sol).</summary>
public static class RiskTableDeployment
{
    private static readonly AbiFunction Constructor = AbiFunction.Parse("constructor(address riskRows,address[3] parts)");

    /// <param name="code">Creation code of `RiskTable`.</param>
    /// <param name="riskRows">The contract that makes rows.</param>
    /// <exception cref="EthereumException">A transaction failed.</exception>
    public static async Task<Address> DeployAsync(Wallet deployer, byte[] code, Address riskRows, CancellationToken cancellation = default)
    {
        byte[] tables = [.. Poseidon.ConstantsOf(4), .. Poseidon.ConstantsOf(16)];
        var parts = new List<object>();
        foreach (byte[] part in tables.Chunk((tables.Length + 2) / 3))
        {
            // A STOP and a third of the tables.
            int size = part.Length + 1;
            // PUSH3 size, DUP1, PUSH1 11, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN: returns what follows.
            parts.Add((await deployer.DeployAsync([0x62, (byte)(size >> 16), (byte)(size >> 8 & 0xff), (byte)(size & 0xff), 0x80, 0x60, 0x0b, 0x3d, 0x39, 0x3d, 0xf3, 0x00, .. part], cancellation)).Contract);
        }

        return (await deployer.DeployAsync([.. code, .. Constructor.EncodeArguments(riskRows, parts.ToArray())], cancellation)).Contract;
    }
}
