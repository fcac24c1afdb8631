// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Challenges} from "../../src/Challenges.sol";
import {ParameterRegistry} from "../../src/ParameterRegistry.sol";
import {RiskRows} from "../../src/RiskRows.sol";
import {RiskRules} from "../../src/RiskRules.sol";
import {RiskTable} from "../../src/RiskTable.sol";
import {Protocol} from "../../src/generated/Protocol.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {IRowVerifier} from "../../src/interfaces/IRowVerifier.sol";
import {MockRowVerifier} from "./MockRowVerifier.sol";
import {Registries} from "./Registries.sol";
import {RiskTables} from "../../script/RiskTables.sol";
import {VaultFixture} from "./VaultFixture.sol";

/// @title A vault with challenges, a bond and the risk inputs of spec/vectors/risk-rows.json.
abstract contract ChallengesFixture is VaultFixture {
    uint32 internal constant VERSION = uint32(Protocol.CIRCUIT_VERSION);
    uint256 internal constant BOND = 1_000_001;
    uint256 internal constant STAKE = 700;
    uint64 internal constant URGENT = 20 minutes;
    uint64 internal constant WITHDRAWAL_DELAY = 3 days;
    uint256 internal constant MAX_REPORT_AGE = 10_001; // milliseconds
    uint256 internal constant SEQUENCER = 0x5e9; // its secret

    address internal immutable guarantor = address(0x6a4a);
    address internal immutable challenger = address(0xc4a1);

    MockRowVerifier internal rowVerifier;
    RiskRows internal riskRows;
    RiskTable internal riskTable;
    ParameterRegistry internal registry;
    RiskRules internal riskRules;
    Challenges internal challenges;
    bytes internal inputs; // of batch 1

    function setUp() public virtual override {
        super.setUp();
        rowVerifier = new MockRowVerifier();
        riskRows = new RiskRows();
        riskTable = RiskTables.deploy(riskRows);
        inputs = vm.parseJsonBytesArray(vm.readFile("../spec/vectors/risk-rows.json"), ".inputs")[0];
        registry = Registries.deploy(inputs);
        riskRules = new RiskRules(registry, MAX_REPORT_AGE);
        challenges = new Challenges(challengesConfiguration());
        vault.setChallenges(address(challenges));
        address[3] memory users = [guarantor, challenger, anyone];
        for (uint256 i = 0; i < users.length; i++) {
            cash.mint(users[i], 1e12);
            vm.prank(users[i]);
            cash.approve(address(challenges), type(uint256).max);
        }
        vm.prank(guarantor);
        challenges.depositBond(BOND);
        _setBatch(1);
    }

    function challengesConfiguration() internal view returns (Challenges.Configuration memory) {
        return Challenges.Configuration({
            vault: vault,
            riskTable: riskTable,
            riskRules: riskRules,
            rowVerifier: IRowVerifier(address(rowVerifier)),
            guarantor: guarantor,
            sequencer: vm.addr(SEQUENCER),
            challengeBond: STAKE,
            urgentDeadline: URGENT,
            withdrawalDelay: WITHDRAWAL_DELAY,
            verifierGas: 600_000
        });
    }

    /// @dev The batch that the inputs are for: bytes 1 to 4.
    function _setBatch(uint8 batch) internal {
        (inputs[1], inputs[2], inputs[3], inputs[4]) = (0, 0, 0, bytes1(batch));
    }

    /// @notice Commits the next batch with `inputs`.
    function _commitInputs() internal returns (uint32 batch) {
        IRollupVault.Submission memory submission = _submission(_draft(), inputs);
        vm.prank(operator, operator);
        vault.commitBatch(submission);
        return vault.lastCommitted();
    }

    /// @notice Commits the next batch with the last receipt's number and hash.
    function _commitReceipts(uint64 number, bytes32 hash) internal returns (uint32 batch) {
        IRollupVault.Submission memory submission = _submission(_draft(), "risk inputs");
        (submission.receiptNumber, submission.receiptHash) = (number, hash);
        vm.prank(operator, operator);
        vault.commitBatch(submission);
        return vault.lastCommitted();
    }

    function _rowOf(uint256 id) internal view returns (uint256[18] memory row) {
        (,, row) = riskRows.rowOf(inputs, id);
    }

    function _rowProof(uint32 batch, uint256 id, uint256[18] memory row)
        internal
        view
        returns (IRollupVault.Proof memory)
    {
        uint256[20] memory publicInputs;
        (publicInputs[0], publicInputs[1]) = (vault.batches(batch).riskRoot, id);
        for (uint256 i = 0; i < 18; i++) {
            publicInputs[2 + i] = row[i];
        }
        return rowVerifier.proofOf(publicInputs);
    }

    function _sign(uint256 secret, bytes32 hash) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secret, hash);
        return abi.encodePacked(r, s, v);
    }
}
