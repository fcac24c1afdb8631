// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IExitVerifier} from "./interfaces/IExitVerifier.sol";
import {IRollupVault} from "./interfaces/IRollupVault.sol";

/// @title The only way by which the vault's circuit changes: proposed by the vault's owner, activated after a time in which everybody
/// can leave by forced requests (spec 6.11). Versions only rise: what was signed for a version is void from its end on, and never valid again.
contract Upgrades {
    struct Upgrade {
        IRollupVault.Circuit circuit;
        IExitVerifier exitVerifier; // added to those that exits may use; 0 if there is no new one
    }

    IRollupVault public immutable vault;
    /// @notice Seconds between proposing and activating.
    uint256 public immutable window;

    /// @notice keccak256(abi.encode(upgrade)), 0 if there is none.
    bytes32 public proposed;
    /// @notice Seconds: when it may be activated.
    uint256 public from;

    event UpgradeProposed(Upgrade upgrade, uint256 from);
    event UpgradeCancelled();
    event UpgradeActivated(Upgrade upgrade);

    error WindowTooShort(uint256 window, uint256 least);
    error NotOwner(address caller);
    error VersionNotGreater(uint32 version, uint32 current);
    error NotProposed(bytes32 hash, bytes32 proposed);
    error TooEarly(uint256 from);

    modifier onlyOwner() {
        require(msg.sender == Ownable(address(vault)).owner(), NotOwner(msg.sender));
        _;
    }

    /// @param window_ Seconds: at least what a request may take from queueing to its claim.
    constructor(IRollupVault vault_, uint256 window_) {
        uint256 least = vault_.operationDeadline() + vault_.proofDeadline() + vault_.challengeWindow();
        require(window_ >= least, WindowTooShort(window_, least));

        (vault, window) = (vault_, window_);
    }

    /// @notice Begins the time in which users may leave; replaces an earlier proposal.
    function propose(Upgrade calldata upgrade) external onlyOwner {
        (uint32 version, uint32 current) = (upgrade.circuit.version, vault.circuit().version);
        require(version > current, VersionNotGreater(version, current));

        proposed = keccak256(abi.encode(upgrade));
        from = block.timestamp + window;
        emit UpgradeProposed(upgrade, from);
    }

    function cancel() external onlyOwner {
        proposed = 0;
        emit UpgradeCancelled();
    }

    /// @notice Lets the next batch be of the other circuit, when all batches are final. The account root goes on, and older exit circuits
    /// stay usable.
    function activate(Upgrade calldata upgrade) external onlyOwner {
        bytes32 hash = keccak256(abi.encode(upgrade));
        require(hash == proposed, NotProposed(hash, proposed));
        require(block.timestamp >= from, TooEarly(from));

        proposed = 0;
        emit UpgradeActivated(upgrade);
        vault.upgradeCircuit(upgrade.circuit);
        if (address(upgrade.exitVerifier) != address(0)) vault.exits().addVerifier(upgrade.exitVerifier);
    }
}
