namespace Rollup.Ethereum;

/// <summary>The interface of the contract by which a frozen vault is left (contracts/src/interfaces/IExits.sol), as far as this project calls it.</summary>
public static class ExitsAbi
{
    public static readonly AbiFunction RegisterExit = AbiFunction.Parse(
        "registerExit(uint256 version,(uint256[2],uint256[2][2],uint256[2]) proof,uint256[9] inputs)");

    /// <summary>The claim is the last seven of the inputs that were registered.</summary>
    public static readonly AbiFunction PayExit = AbiFunction.Parse("payExit(uint256[7] claim)");

    /// <summary>The verifier of a version; 0 if there is none.</summary>
    public static readonly AbiFunction Verifiers = AbiFunction.Parse("verifiers(uint256 version)(address)");

    /// <summary>Hash of a registered claim that is not paid; 0 if there is none, 1 if it is paid.</summary>
    public static readonly AbiFunction Registered = AbiFunction.Parse("registered(uint32 account)(bytes32)");

    /// <summary>Unix seconds; 0 if the vault is not frozen.</summary>
    public static readonly AbiFunction WindowEnd = AbiFunction.Parse("windowEnd()(uint256)");

    /// <summary>What its functions above can revert with.</summary>
    public static readonly IReadOnlyList<AbiFunction> Errors =
    [
        AbiFunction.Parse("NotFrozen()"), AbiFunction.Parse("UnknownVersion(uint256 version)"), AbiFunction.Parse("WrongRoots(uint256 root,uint256 riskRoot)"),
        AbiFunction.Parse("MalformedInputs()"), AbiFunction.Parse("AlreadyRegistered(uint256 account)"), AbiFunction.Parse("ProofRejected(uint256 account)"),
        AbiFunction.Parse("WindowOpen(uint256 until)"), AbiFunction.Parse("WrongClaim(bytes32 claim,bytes32 expected)"),
    ];
}
