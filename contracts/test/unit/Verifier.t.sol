// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RollupVault} from "../../src/RollupVault.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {ISettlementVerifier} from "../../src/interfaces/ISettlementVerifier.sol";
import {Field} from "../../src/libraries/Field.sol";
import {Groth16Verifier} from "../fixtures/FixtureVerifier.sol";
import {ForgedProof} from "../support/ForgedProof.sol";
import {VaultFixture} from "../support/VaultFixture.sol";

/// @dev The vault with a verifier as `Rollup.Groth16` generates it, in place of the mock.
contract VerifierTest is VaultFixture {
    Groth16Verifier private groth16;

    function setUp() public override {
        super.setUp();
        groth16 = new Groth16Verifier();
        IRollupVault.Configuration memory config = configuration();
        config.verifier = ISettlementVerifier(address(groth16));
        vault = new RollupVault(config);
        _commit(_draft());
        _commit(_draft());
    }

    function test_groth16_provesABatch() public {
        IRollupVault.Proof memory ofAnother = ForgedProof.make(_inputs(2));
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.ProofRejected.selector, 1));
        vault.proveBatch(1, ofAnother);
        vault.proveBatch(1, ForgedProof.make(_inputs(1)));
        vm.assertEq(uint256(vault.batches(1).status), uint256(IRollupVault.BatchStatus.Proven), "status");
    }

    function testFuzz_groth16_bindsEachPublicInput(uint256 which, uint256 difference) public {
        uint256[4] memory inputs = _inputs(1);
        which = bound(which, 0, 3);
        inputs[which] = addmod(inputs[which], bound(difference, 1, Field.R - 1), Field.R);
        IRollupVault.Proof memory other = ForgedProof.make(inputs);
        vm.assertTrue(groth16.verifyProof(other.a, other.b, other.c, inputs), "good for its own inputs");
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.ProofRejected.selector, 1));
        vault.proveBatch(1, other);
    }

    function testFuzz_groth16_refusesAFlippedBit(uint256 word, uint256 bit) public {
        IRollupVault.Proof memory proof = ForgedProof.make(_inputs(1));
        word = bound(word, 0, 7);
        uint256 flip = 1 << bound(bit, 0, 255);
        if (word < 2) proof.a[word] ^= flip;
        else if (word < 6) proof.b[word / 2 - 1][word % 2] ^= flip;
        else proof.c[word - 6] ^= flip;
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.ProofRejected.selector, 1));
        vault.proveBatch(1, proof);
        vault.proveBatch(1, ForgedProof.make(_inputs(1)));
    }

    function test_groth16_refusesPublicInputsPlusR() public view {
        uint256[4] memory inputs = _inputs(1);
        IRollupVault.Proof memory proof = ForgedProof.make(inputs);
        vm.assertTrue(groth16.verifyProof(proof.a, proof.b, proof.c, inputs), "before");
        for (uint256 i = 0; i < 4; i++) {
            inputs[i] += Field.R;
            vm.assertEq(groth16.verifyProof(proof.a, proof.b, proof.c, inputs), false, "x + r");
            inputs[i] -= Field.R;
        }
        vm.assertTrue(groth16.verifyProof(proof.a, proof.b, proof.c, inputs), "after");
    }

    function test_groth16_developmentKeyIsRefusedOffLocalChains() public {
        IRollupVault.Configuration memory config = configuration();
        config.verifier = ISettlementVerifier(address(groth16));
        new RollupVault(config);
        vm.chainId(10);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.DevelopmentKey.selector, 10));
        new RollupVault(config);
    }

    function _inputs(uint32 batch) private view returns (uint256[4] memory) {
        IRollupVault.Batch memory record = vault.batches(batch);
        return [record.commitment, record.evaluation, record.challenge, record.riskRoot];
    }
}
