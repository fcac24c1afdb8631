// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Protocol} from "./generated/Protocol.sol";
import {IExitVerifier} from "./interfaces/IExitVerifier.sol";
import {IExits} from "./interfaces/IExits.sol";
import {IRiskRows} from "./interfaces/IRiskRows.sol";
import {IRollupVault} from "./interfaces/IRollupVault.sol";
import {RiskInputs} from "./libraries/RiskInputs.sol";
import {VerifierCall} from "./libraries/VerifierCall.sol";

/// @title Leaving a frozen vault (spec 6.10).
/// @dev Moves no token: the vault credits, and `claim` pays. So no token can call back here or hold up another's payment.
contract Exits is IExits {
    uint32 private constant CASH = 0;
    uint256 private constant SLOT_BITS = 63;
    uint256 private constant SLOTS_PER_WORD = 4;
    uint256 private constant EQUITY_BIAS = 2 ** 83;
    uint256 private constant MARKET_BASE_AT = Protocol.WIDTH_MARKET;
    uint256 private constant MARKET_BIAS = 2 ** Protocol.WIDTH_PRICE;
    bytes32 private constant PAID = bytes32(uint256(1));

    // Places in the inputs of the exit circuit, and in a claim, which is what follows the two roots.
    uint256 private constant ROOT = 0;
    uint256 private constant RISK_ROOT = 1;
    uint256 private constant CLAIM = 2;
    uint256 private constant ACCOUNT_OWNER = 0;
    uint256 private constant EQUITY = 1;
    uint256 private constant SPOT_VALUE = 2;
    uint256 private constant POSITIONS = 3;

    /// @dev In protocol units. `available` is fixed when the first claim of the asset is paid.
    struct Pool {
        uint128 claims; // of the window
        uint128 withheld; // for debts in cash, not sold
        uint128 available;
        uint120 paidLate;
        bool isFixed;
    }

    /// @dev What of an account's spot its owner has: all, part or nothing.
    struct Share {
        uint256 numerator;
        uint256 denominator;
    }

    IRollupVault public immutable vault;
    IRiskRows public immutable riskRows;
    uint256 public immutable exitWindow;
    uint256 public immutable verifierGas;

    IExitVerifier[] private _verifiers;
    mapping(uint32 account => bytes32) public registered;
    mapping(uint32 account => bool) public isLate;
    mapping(uint256 asset => Pool) private _pools;
    mapping(uint32 asset => uint256) public marks;

    modifier whenFrozen() {
        require(vault.frozen(), NotFrozen());
        _;
    }

    constructor(
        IRollupVault vault_,
        IExitVerifier verifier,
        IRiskRows riskRows_,
        uint64 exitWindow_,
        uint64 verifierGas_
    ) {
        require(address(vault_).code.length != 0, InvalidConfiguration("vault"));
        require(address(riskRows_).code.length != 0, InvalidConfiguration("riskRows"));
        require(exitWindow_ != 0, InvalidConfiguration("exitWindow"));
        require(verifierGas_ != 0, InvalidConfiguration("verifierGas"));

        (vault, riskRows, exitWindow, verifierGas) = (vault_, riskRows_, exitWindow_, verifierGas_);
        _addVerifier(verifier);
    }

    // ---- both phases ----

    function registerExit(uint256 version, IRollupVault.Proof calldata proof, uint256[9] calldata inputs)
        external
        whenFrozen
    {
        IRollupVault.Batch memory last = vault.batches(vault.lastFinal());
        require(
            inputs[ROOT] == last.root && inputs[RISK_ROOT] == last.riskRoot, WrongRoots(inputs[ROOT], inputs[RISK_ROOT])
        );
        uint256[7] memory claim = _claimOf(inputs);
        (uint32 account, address owner) = _accountOf(claim);
        require(registered[account] == 0, AlreadyRegistered(account));
        require(version < _verifiers.length, UnknownVersion(version));
        require(_verifies(_verifiers[version], proof, inputs), ProofRejected(account));

        bool late = block.timestamp >= windowEnd();
        registered[account] = keccak256(abi.encode(claim));
        if (late) isLate[account] = true;
        else _addToPools(claim);
        emit ExitRegistered(account, owner, _atomsOf(claim), late);
    }

    function payExit(uint256[7] calldata given) external whenFrozen {
        uint256[7] memory claim = given;
        (uint32 account, address owner) = _accountOf(claim);
        bytes32 hash = keccak256(abi.encode(claim));
        require(registered[account] == hash, WrongClaim(hash, registered[account]));
        require(block.timestamp >= windowEnd(), WindowOpen(windowEnd()));

        registered[account] = PAID;
        bool late = isLate[account];
        emit ExitPaid(account, owner);
        _pay(owner, CASH, _atomsOf(claim), late);
        Share memory share = _shareOf(claim);
        for (uint256 i = 0; i < Protocol.BOUND_POSITIONS; i++) {
            (uint32 asset, uint256 size) = _slotOf(claim, i);
            if (asset != CASH) _pay(owner, asset, size * share.numerator / share.denominator, late);
        }
    }

    // ---- spot withheld for debts in cash ----

    function setMark(uint32 asset, bytes calldata riskInputs) external whenFrozen {
        bytes32 expected = vault.batches(vault.lastFinal()).riskInputsHash;
        bytes32 hash = keccak256(riskInputs);
        require(hash == expected, WrongRiskInputs(hash, expected));
        (RiskInputs.Problem problem,, uint256[18] memory row) = riskRows.rowOf(riskInputs, asset);
        uint256 base = row[1] >> MARKET_BASE_AT & (2 ** Protocol.WIDTH_MARKET - 1);
        require(problem == RiskInputs.Problem.None && base > MARKET_BIAS, NoMark(asset));

        marks[asset] = base - MARKET_BIAS;
        emit MarkSet(asset, base - MARKET_BIAS);
    }

    function buyWithheld(uint32 asset, uint256 lots) external whenFrozen {
        require(block.timestamp < windowEnd(), WindowOver(windowEnd()));
        uint256 mark = marks[asset];
        require(mark != 0, NoMark(asset));
        uint128 left = _pools[asset].withheld;
        require(lots != 0 && lots <= left, NotWithheld(lots, left));

        // forge-lint: disable-next-line(unsafe-typecast) at most `left`
        _pools[asset].withheld = left - uint128(lots);
        emit WithheldSold(asset, msg.sender, lots, lots * mark);
        vault.exchange(msg.sender, asset, lots, lots * mark);
    }

    // ---- upgrades ----

    function addVerifier(IExitVerifier verifier) external {
        require(msg.sender == vault.upgrades(), NotUpgrades(msg.sender));

        _addVerifier(verifier);
    }

    // ---- views ----

    function verifiers(uint256 version) external view returns (IExitVerifier) {
        return _verifiers[version];
    }

    function windowEnd() public view returns (uint256) {
        uint256 from = vault.frozenAt();
        return from == 0 ? 0 : from + exitWindow;
    }

    function claims(uint32 asset) external view returns (uint256) {
        return _pools[asset].claims;
    }

    function withheld(uint32 asset) external view returns (uint256) {
        return _pools[asset].withheld;
    }

    // ---- claims ----

    function _claimOf(uint256[9] calldata inputs) private pure returns (uint256[7] memory claim) {
        for (uint256 i = 0; i < claim.length; i++) {
            claim[i] = inputs[CLAIM + i];
        }
    }

    /// @dev The circuit keeps every field in its width; what it cannot have proven is refused here as well.
    function _accountOf(uint256[7] memory claim) private pure returns (uint32 account, address owner) {
        uint256 word = claim[ACCOUNT_OWNER];
        // forge-lint: disable-start(unsafe-typecast) the next line refuses more bits
        account = uint32(word & (2 ** Protocol.WIDTH_ACCOUNT - 1));
        owner = address(uint160(word >> Protocol.WIDTH_ACCOUNT));
        // forge-lint: disable-end(unsafe-typecast)
        bool fits = word >> Protocol.WIDTH_ACCOUNT + Protocol.WIDTH_OWNER == 0 && claim[EQUITY] < 2 * EQUITY_BIAS
            && claim[SPOT_VALUE] < EQUITY_BIAS;
        require(fits && owner != address(0), MalformedInputs());
    }

    /// @dev Claim in cash: the equity without spot, if it is not negative.
    function _atomsOf(uint256[7] memory claim) private pure returns (uint256) {
        return claim[EQUITY] > EQUITY_BIAS ? claim[EQUITY] - EQUITY_BIAS : 0;
    }

    /// @dev A debt in cash is taken from all spot alike, at its value.
    function _shareOf(uint256[7] memory claim) private pure returns (Share memory) {
        if (claim[EQUITY] >= EQUITY_BIAS) return Share(1, 1);
        uint256 debt = EQUITY_BIAS - claim[EQUITY];
        return claim[SPOT_VALUE] > debt ? Share(claim[SPOT_VALUE] - debt, claim[SPOT_VALUE]) : Share(0, 1);
    }

    /// @dev Slot of spec 3.2; 0 and 0 if it is free or holds no spot.
    function _slotOf(uint256[7] memory claim, uint256 index) private pure returns (uint32 asset, uint256 size) {
        uint256 word = claim[POSITIONS + index / SLOTS_PER_WORD];
        uint256 slot = word >> index % SLOTS_PER_WORD * SLOT_BITS;
        // forge-lint: disable-next-line(unsafe-typecast) masked to 18 bits
        asset = uint32(slot & (2 ** Protocol.WIDTH_INSTRUMENT - 1));
        size = slot >> Protocol.WIDTH_INSTRUMENT & (2 ** Protocol.WIDTH_POSITION_SIZE - 1);
    }

    function _addToPools(uint256[7] memory claim) private {
        uint256 atoms = _atomsOf(claim);
        if (atoms != 0) _pools[CASH].claims += SafeCast.toUint128(atoms);
        Share memory share = _shareOf(claim);
        for (uint256 i = 0; i < Protocol.BOUND_POSITIONS; i++) {
            (uint32 asset, uint256 size) = _slotOf(claim, i);
            if (asset == CASH) continue;
            uint256 kept = size * share.numerator / share.denominator;
            Pool storage pool = _pools[asset];
            // forge-lint: disable-next-line(unsafe-typecast) sizes are below 2^44
            (pool.claims, pool.withheld) = (pool.claims + uint128(kept), pool.withheld + uint128(size - kept));
        }
    }

    // ---- payment ----

    /// @dev Of the window: the share min(1, available / claims). Late: what those claims leave, while it lasts.
    function _pay(address owner, uint32 asset, uint256 amount, bool late) private {
        if (amount == 0) return;
        Pool storage pool = _pools[asset];
        _fix(pool, asset);
        uint256 due;
        if (late) {
            uint256 left = pool.available > pool.claims ? pool.available - pool.claims - pool.paidLate : 0;
            due = Math.min(amount, left);
            // forge-lint: disable-next-line(unsafe-typecast) at most `available`, whose parts the vault keeps below 2^80
            pool.paidLate += uint120(due);
        } else {
            due = pool.available < pool.claims ? Math.mulDiv(amount, pool.available, pool.claims) : amount;
        }
        if (due != 0) vault.creditExit(owner, asset, due);
    }

    /// @dev What accounts hold, or what of it the token has left them. Nothing but exits changes it any more after the window.
    function _fix(Pool storage pool, uint32 asset) private {
        if (pool.isFixed) return;
        (uint256 liabilities, uint256 holdings) = vault.solvency(asset);
        pool.isFixed = true;
        pool.available = SafeCast.toUint128(Math.min(liabilities, holdings));
    }

    // ---- verifiers ----

    function _addVerifier(IExitVerifier verifier) private {
        require(address(verifier).code.length != 0, InvalidConfiguration("verifier"));
        require(VerifierCall.isLocalChain() || !verifier.isDevelopmentKey(), DevelopmentKey(block.chainid));

        _verifiers.push(verifier);
        emit VerifierAdded(_verifiers.length - 1, address(verifier));
    }

    function _verifies(IExitVerifier verifier, IRollupVault.Proof calldata proof, uint256[9] calldata inputs)
        private
        view
        returns (bool)
    {
        bytes memory data = abi.encodeCall(IExitVerifier.verifyProof, (proof.a, proof.b, proof.c, inputs));
        return VerifierCall.accepts(address(verifier), verifierGas, data);
    }
}
