namespace Rollup.Ethereum;

/// <summary>The interface of the contract by which the vault's circuit changes (contracts/src/Upgrades.sol), as far as this project calls it.</summary>
public static class UpgradesAbi
{
    /// <summary>Window in seconds.</summary>
    public static readonly AbiFunction Constructor = AbiFunction.Parse("constructor(address vault_,uint256 window_)");

    /// <summary>A circuit (verifier, blocks, rows, operations, version) and a new verifier of exits, 0 for none.</summary>
    public static readonly AbiFunction Propose = AbiFunction.Parse("propose(((address,uint16,uint16,uint16,uint32),address) upgrade)");

    /// <summary>Of what was proposed, when the window is over and all batches are final.</summary>
    public static readonly AbiFunction Activate = AbiFunction.Parse("activate(((address,uint16,uint16,uint16,uint32),address) upgrade)");

    /// <summary>keccak256 of the encoded proposal; 0 if there is none.</summary>
    public static readonly AbiFunction Proposed = AbiFunction.Parse("proposed()(bytes32)");

    /// <summary>Unix seconds: when the proposal may be activated.</summary>
    public static readonly AbiFunction From = AbiFunction.Parse("from()(uint256)");

    /// <summary>What its functions above can revert with.</summary>
    public static readonly IReadOnlyList<AbiFunction> Errors =
    [
        AbiFunction.Parse("WindowTooShort(uint256 window,uint256 least)"), AbiFunction.Parse("NotOwner(address caller)"), AbiFunction.Parse("VersionNotGreater(uint32 version,uint32 current)"),
        AbiFunction.Parse("NotProposed(bytes32 hash,bytes32 proposed)"), AbiFunction.Parse("TooEarly(uint256 from)"),
    ];
}
