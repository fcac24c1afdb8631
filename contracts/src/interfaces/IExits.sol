// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IExitVerifier} from "./IExitVerifier.sol";
import {IRollupVault} from "./IRollupVault.sol";

/// @title Leaving a frozen vault (spec 6.10): what each account is worth by the last final root, registered first, paid pro rata then.
interface IExits {
    // ---- events ----

    event VerifierAdded(uint256 indexed version, address indexed verifier);
    /// @param atoms Claim in cash.
    /// @param late Registered after the window: paid from what all others leave.
    event ExitRegistered(uint32 indexed account, address indexed owner, uint256 atoms, bool late);
    event ExitPaid(uint32 indexed account, address indexed owner);
    event MarkSet(uint32 indexed asset, uint256 mark);
    event WithheldSold(uint32 indexed asset, address indexed buyer, uint256 lots, uint256 atoms);

    // ---- errors ----

    error InvalidConfiguration(string field);
    error DevelopmentKey(uint256 chainId);
    error NotUpgrades(address caller);
    error NotFrozen();
    error UnknownVersion(uint256 version);
    error WrongRoots(uint256 root, uint256 riskRoot);
    error MalformedInputs();
    error AlreadyRegistered(uint256 account);
    error ProofRejected(uint256 account);
    error WindowOpen(uint256 until);
    error WindowOver(uint256 until);
    error WrongClaim(bytes32 claim, bytes32 expected);
    error WrongRiskInputs(bytes32 hash, bytes32 expected);
    error NoMark(uint256 asset);
    error NotWithheld(uint256 lots, uint256 withheld);

    // ---- both phases ----

    /// @notice Claims what an account holds by the last final root, for its owner. Anyone, once an account.
    /// @param version Which of the exit circuits the proof is of.
    /// @param inputs root, riskRoot, account + owner * 2^24, equity + 2^83, spotValue, p0..p3 (spec 8).
    function registerExit(uint256 version, IRollupVault.Proof calldata proof, uint256[9] calldata inputs) external;

    /// @notice Credits the owner in the vault with the account's share, once the window is over. Anyone, once an account.
    /// @param claim The last seven of the inputs that were registered.
    function payExit(uint256[7] calldata claim) external;

    // ---- spot withheld for debts in cash ----

    /// @notice Fixes the price at which `buyWithheld` sells: the base of the asset's row by the risk inputs of the last final batch.
    function setMark(uint32 asset, bytes calldata riskInputs) external;

    /// @notice Buys `lots` of what is withheld of `asset` at its mark, for cash that the caller has approved the vault to take. Within the
    /// window. The lots are credited in the vault.
    function buyWithheld(uint32 asset, uint256 lots) external;

    // ---- upgrades ----

    /// @notice Lets proofs of another exit circuit count as well. By the vault's contract of upgrades.
    function addVerifier(IExitVerifier verifier) external;

    // ---- views ----

    function vault() external view returns (IRollupVault);
    function verifiers(uint256 version) external view returns (IExitVerifier);
    /// @notice Seconds from the freeze in which registrations share alike.
    function exitWindow() external view returns (uint256);
    /// @notice Seconds: when the window ends; 0 if the vault is not frozen.
    function windowEnd() external view returns (uint256);
    /// @notice keccak256(abi.encode(claim)) of a registered exit that is not paid, 0 if none is, 1 if it is paid.
    function registered(uint32 account) external view returns (bytes32);
    /// @notice Sum of the claims registered within the window, in protocol units.
    function claims(uint32 asset) external view returns (uint256);
    /// @notice Lots withheld and not sold.
    function withheld(uint32 asset) external view returns (uint256);
    /// @notice Atoms a lot; 0 until it is set.
    function marks(uint32 asset) external view returns (uint256);
}
