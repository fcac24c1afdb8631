// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {RollupVault} from "../../src/RollupVault.sol";
import {TestToken} from "../../src/dev/TestToken.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {ISettlementVerifier} from "../../src/interfaces/ISettlementVerifier.sol";
import {Protocol} from "../../src/generated/Protocol.sol";
import {Field} from "../../src/libraries/Field.sol";
import {VaultFixture} from "../support/VaultFixture.sol";

contract DeploymentTest is VaultFixture {
    function test_constructor_setsWhatAVerifierReads() public view {
        vm.assertEq(vault.genesisRoot(), GENESIS, "genesisRoot");
        vm.assertEq(address(vault.verifier()), address(verifier), "verifier");
        vm.assertEq(vault.operator(), operator, "operator");
        vm.assertEq(vault.owner(), address(this), "owner");
        vm.assertEq(vault.blocks(), BLOCKS, "blocks");
        vm.assertEq(vault.rows(), ROWS, "rows");
        vm.assertEq(vault.operations(), OPERATIONS, "operations");
        vm.assertEq(vault.wordCount(), 42, "words of the dev profile");
        vm.assertEq(vault.proofDeadline(), PROOF_DEADLINE, "proofDeadline");
        vm.assertEq(vault.operationDeadline(), OPERATION_DEADLINE, "operationDeadline");
        vm.assertEq(vault.challengeWindow(), CHALLENGE_WINDOW, "challengeWindow");
        vm.assertEq(vault.maxEpoch(), MAX_EPOCH, "maxEpoch");
        vm.assertEq(vault.clockTolerance(), CLOCK_TOLERANCE, "clockTolerance");
        vm.assertEq(vault.verifierGas(), VERIFIER_GAS, "verifierGas");
        vm.assertEq(vault.requestDeposit(), REQUEST_DEPOSIT, "requestDeposit");
        vm.assertEq(vault.circuit().version, Protocol.CIRCUIT_VERSION, "version");
        vm.assertEq(vault.nextAccount(), 2, "nextAccount");
        vm.assertEq(vault.queuePrefix(0), 0, "q_0");
        vm.assertEq(vault.frozen(), false, "frozen");
        vm.assertEq(vault.assets(CASH).token, address(cash), "cash token");
        vm.assertEq(vault.assets(CASH).unitsPerLot, 1, "cash units");
        IRollupVault.Batch memory genesis = vault.batches(0);
        vm.assertEq(genesis.root, GENESIS, "genesis batch");
        vm.assertEq(uint256(genesis.status), uint256(IRollupVault.BatchStatus.Final), "genesis status");
    }

    function test_domain_bindsChainAndVault() public {
        vm.assertEq(vault.domain(), _domain(31337, address(vault)), "chain 31337");
        vm.chainId(8453);
        RollupVault other = new RollupVault(configuration());
        vm.assertEq(other.domain(), _domain(8453, address(other)), "chain 8453");
        vm.assertNotEq(_domain(31337, address(vault)), _domain(8453, address(vault)), "by chain");
        vm.assertNotEq(_domain(31337, address(vault)), _domain(31337, address(other)), "by vault");
    }

    function _domain(uint256 chainId, address at) private pure returns (uint256) {
        return uint256(keccak256(abi.encode("rollup-settlement", chainId, at, uint256(2)))) % Field.R;
    }

    function test_constructor_refusesADevelopmentKeyButOnLocalChains() public {
        verifier.setDevelopmentKey(true);
        vm.chainId(31337);
        new RollupVault(configuration());
        vm.chainId(1337);
        new RollupVault(configuration());
        vm.chainId(1);
        IRollupVault.Configuration memory config = configuration();
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.DevelopmentKey.selector, 1));
        new RollupVault(config);
        verifier.setDevelopmentKey(false);
        new RollupVault(config);
    }

    function test_constructor_refusesEachBadField() public {
        IRollupVault.Configuration memory config = configuration();
        config.genesisRoot = 0;
        _expectInvalid(config, "genesisRoot");
        config.genesisRoot = Field.R;
        _expectInvalid(config, "genesisRoot");
        config = configuration();
        config.operator = address(0);
        _expectInvalid(config, "operator");
        config = configuration();
        config.blocks = 0;
        _expectInvalid(config, "blocks");
        config = configuration();
        config.rows = 0;
        _expectInvalid(config, "rows");
        config = configuration();
        config.operations = 0;
        _expectInvalid(config, "operations");
        config = configuration();
        config.proofDeadline = 0;
        _expectInvalid(config, "proofDeadline");
        config = configuration();
        config.operationDeadline = 0;
        _expectInvalid(config, "operationDeadline");
        config = configuration();
        config.maxEpoch = 0;
        _expectInvalid(config, "maxEpoch");
        config = configuration();
        config.verifierGas = 0;
        _expectInvalid(config, "verifierGas");
        config = configuration();
        config.requestDeposit = 2 ** 48;
        _expectInvalid(config, "requestDeposit");
        config = configuration();
        config.proofDeadline = 2 ** 32;
        _expectInvalid(config, "proofDeadline");
        config = configuration();
        config.verifier = ISettlementVerifier(address(0xdead));
        _expectInvalid(config, "verifier");
        config = configuration();
        config.cashToken = IERC20Metadata(address(0xdead));
        _expectInvalid(config, "cashToken");
        config = configuration();
        config.cashToken = new TestToken("Dollar", "USD", 18);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.CashDecimals.selector, 18));
        new RollupVault(config);
        new RollupVault(configuration());
    }

    function test_listAsset_onceByTheOwnerWithinRange() public {
        TestToken token = new TestToken("Bitcoin", "WBTC", 8);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, alice));
        vm.prank(alice);
        vault.listAsset(9, address(token), 100);
        _expectInvalidAsset(0, address(token), 100);
        _expectInvalidAsset(2 ** 18, address(token), 100);
        _expectInvalidAsset(9, address(0xdead), 100);
        _expectInvalidAsset(9, address(token), 0);

        vm.expectEmit();
        emit IRollupVault.AssetListed(9, address(token), 100);
        vault.listAsset(9, address(token), 100);
        vm.assertEq(vault.assets(9).token, address(token), "token");
        vm.assertEq(vault.assets(9).unitsPerLot, 100, "unitsPerLot");
        vault.listAsset(2 ** 18 - 1, address(token), 1);

        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AssetAlreadyListed.selector, 9));
        vault.listAsset(9, address(token), 100);
    }

    function test_setOperator_byTheOwner() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, operator));
        vm.prank(operator);
        vault.setOperator(bob);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.InvalidConfiguration.selector, "operator"));
        vault.setOperator(address(0));

        vm.expectEmit();
        emit IRollupVault.OperatorChanged(bob);
        vault.setOperator(bob);
        Draft memory draft = _draft();
        _expectRefused(draft, abi.encodeWithSelector(IRollupVault.NotOperator.selector, operator));
        vm.prank(bob, bob);
        vault.commitBatch(_submission(draft, ""));
        vm.assertEq(vault.lastCommitted(), 1, "the new operator commits");
    }

    function _expectInvalid(IRollupVault.Configuration memory config, string memory field) private {
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.InvalidConfiguration.selector, field));
        new RollupVault(config);
    }

    function _expectInvalidAsset(uint32 asset, address token, uint96 unitsPerLot) private {
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.InvalidAsset.selector, asset, token, unitsPerLot));
        vault.listAsset(asset, token, unitsPerLot);
    }
}
