pragma circom 2.2.0;

include "poseidon.circom";
include "comparators.circom";
include "../lib/range.circom";
include "../lib/quad.circom";
include "../lib/fraction.circom";
include "../lib/signature.circom";
include "../lib/protocol.circom";
include "market.circom";

// spec 5.4. One signed request (order, withdrawal, cancel) or a disabled row.
// Statement: the owner of (keyX, keyY) signed H(domain, word) where word packs exactly these fields; the order slot moves by
// rule 4.3; fill, quote and fee are within what was signed. Who that key belongs to, and that block `block` takes the
// changes, is RowFacts' part.
template SignedRow() {
    signal input domain;
    signal input open;                  // ms
    // the signed fields
    signal input kindBit[2];
    signal input flags;
    signal input side;
    signal input instrument;
    signal input account;
    signal input slot;
    signal input size;
    signal input limit;
    signal input feeRate;
    signal input expiry;
    signal input nonce;
    signal input r8x;
    signal input r8y;
    signal input s;
    // the execution
    signal input block;
    signal input fill;
    signal input quote;
    signal input fee;
    signal input keyX;
    signal input keyY;
    signal input owner;
    signal input oldNonce;
    signal input oldFilled;
    signal input slotSiblings[DEPTH_ORDER_SLOTS()][3];
    // the row of its instrument
    signal input meta;
    signal input index;
    signal input base;                  // + 2^35
    signal input funding;               // + 2^35
    signal input priceBound;

    signal output message;
    signal output word;                 // rowWord of spec 5.7
    signal output market;
    signal output inRoot;
    signal output outRoot;
    signal output enabled;
    signal output isWithdrawal;
    signal output usesMarket;
    signal output instrumentChange;
    signal output cashChange;
    signal output withdrawalWord;       // public word of spec 5.1.3

    component kind0 = Bit();
    kind0.in <== kindBit[0];
    component kind1 = Bit();
    kind1.in <== kindBit[1];
    signal isCancel <== kindBit[0] * kindBit[1];
    signal isOrder <== kindBit[0] - isCancel;
    isWithdrawal <== kindBit[1] - isCancel;
    enabled <== isOrder + isWithdrawal + isCancel;

    // Widths of the signed word (spec 4.2): with every field in its range the packing is injective.
    component flagsRange = Range(WIDTH_ORDER_FLAGS());
    flagsRange.in <== flags;
    component sideBit = Bit();
    sideBit.in <== side;
    component instrumentRange = Range(WIDTH_INSTRUMENT());
    instrumentRange.in <== instrument;
    component accountRange = Range(WIDTH_ACCOUNT());
    accountRange.in <== account;
    component slotBits = Num2Bits(WIDTH_SLOT());
    slotBits.in <== slot;
    component sizeRange = Range(WIDTH_FILL());
    sizeRange.in <== size;
    component limitRange = Range(WIDTH_PRICE());
    limitRange.in <== limit;
    component rateRange = Range(WIDTH_FEE_RATE());
    rateRange.in <== feeRate;
    component expiryRange = Range(WIDTH_TIME());
    expiryRange.in <== expiry;
    component nonceRange = Range(WIDTH_NONCE());
    nonceRange.in <== nonce;

    signal signed <== kindBit[0] + 2 * kindBit[1] + flags * 2 ** 3 + side * 2 ** 11 + instrument * 2 ** 12 + account * 2 ** 30
        + slot * 2 ** 54 + size * 2 ** 62 + limit * 2 ** 110 + feeRate * 2 ** 145 + expiry * 2 ** 165 + nonce * 2 ** 209;
    component hash = Poseidon(2);
    hash.inputs[0] <== domain;
    hash.inputs[1] <== signed;
    message <== hash.out;
    component signature = VerifySignature();
    signature.enabled <== enabled;
    signature.ax <== keyX;
    signature.ay <== keyY;
    signature.r8x <== r8x;
    signature.r8y <== r8y;
    signature.s <== s;
    signature.message <== message;

    component alive = Range(WIDTH_TIME());
    alive.in <== enabled * (expiry - open - 1);

    // Execution widths.
    component blockRange = Range(WIDTH_BLOCK());
    blockRange.in <== block;
    component fillRange = Range(WIDTH_FILL());
    fillRange.in <== fill - isOrder - isWithdrawal;
    component quoteRange = Range(WIDTH_QUOTE());
    quoteRange.in <== quote;
    component feeRange = Range(WIDTH_FEE());
    feeRange.in <== fee;
    (1 - isOrder - isWithdrawal) * fill === 0;
    (1 - isOrder) * quote === 0;
    (1 - isOrder) * fee === 0;

    // Slot rule 4.3. old (n, f), request nonce N: N >= n; filledIn = f if N = n else 0.
    component oldNonceRange = Range(WIDTH_NONCE());
    oldNonceRange.in <== oldNonce;
    component oldFilledRange = Range(WIDTH_FILL());
    oldFilledRange.in <== oldFilled;
    component sameNonce = IsEqual();
    sameNonce.in[0] <== nonce;
    sameNonce.in[1] <== oldNonce;
    signal filledIn <== sameNonce.out * oldFilled;
    component nonceGrows = Range(WIDTH_NONCE());
    nonceGrows.in <== enabled * (nonce - oldNonce);
    component nonceNotZero = Range(WIDTH_NONCE());
    nonceNotZero.in <== nonce - enabled;
    // A cancel leaves nothing to fill: no size reaches 2^48.
    signal filledOut <== filledIn + fill + isCancel * (2 ** 48 - 1 - filledIn);
    component unfilled = Range(WIDTH_FILL());
    unfilled.in <== (1 - isCancel) * (size - filledOut);
    isWithdrawal * (size - fill) === 0;
    // A cancel moves its slot: one that is cancelled already would prove nothing about the account's slots.
    component full = IsEqual();
    full.in[0] <== oldFilled;
    full.in[1] <== 2 ** 48 - 1;
    signal repeated <== isCancel * sameNonce.out;
    repeated * full.out === 0;

    component slotPath = QuadUpdate(DEPTH_ORDER_SLOTS());
    slotPath.oldLeaf <== oldNonce * 2 ** 64 + oldFilled;
    slotPath.newLeaf <== nonce * 2 ** 64 + filledOut;
    slotPath.bits <== slotBits.out;
    slotPath.siblings <== slotSiblings;
    inRoot <== slotPath.oldRoot;
    outRoot <== slotPath.newRoot;

    // Price and fee. fill limit < 2^83, quote < 2^84; feeRate quote < 2^104, fee 10^6 < 2^80.
    signal value <== fill * limit;
    signal direction <== isOrder * (1 - 2 * side);
    component withinLimit = Range(WIDTH_QUOTE());
    withinLimit.in <== direction * (value - quote);
    component withinFee = Range(105);
    withinFee.in <== feeRate * quote + (SCALE_FEE_RATE_DENOMINATOR() - 1) - fee * SCALE_FEE_RATE_DENOMINATOR();

    // The instrument's row, claimed here, matched by the market bus.
    component unpacked = UnpackMeta();
    unpacked.meta <== meta;
    component marketWord = MarketWord();
    marketWord.index <== index;
    marketWord.base <== base;
    marketWord.funding <== funding;
    marketWord.priceBound <== priceBound;
    market <== marketWord.market;
    isOrder * unpacked.flags === 0;
    component isCash = IsZero();
    isCash.in <== instrument;
    signal takesLots <== isWithdrawal * (1 - isCash.out);
    takesLots * (1 - unpacked.isSpot) === 0;
    usesMarket <== isOrder + takesLots;

    // Changes (5.4.5); a withdrawal sells for nothing.
    instrumentChange <== (direction - isWithdrawal) * fill;
    signal fundingPart <== (funding - 2 ** 35) * fill;
    signal net <== direction * (quote - fundingPart);
    cashChange <== -net - fee;

    word <== block + fill * 2 ** 8 + quote * 2 ** 56 + fee * 2 ** 140;
    withdrawalWord <== isWithdrawal * (owner + instrument * 2 ** 160 + fill * 2 ** 178);
}

// spec 5.6, the facts of a row.
template RowFacts() {
    signal input alpha[7];
    signal input gamma;
    signal input enabled;
    signal input isWithdrawal;
    signal input usesMarket;
    signal input instrument;
    signal input block;
    signal input account;
    signal input owner;
    signal input keyX;
    signal input keyY;
    signal input meta;
    signal input market;
    signal input inRoot;
    signal input outRoot;
    signal input instrumentChange;
    signal input cashChange;
    signal output sum;

    signal instrumentAt1 <== instrument * alpha[1];
    signal blockAt2 <== block * alpha[2];
    signal accountAt1 <== account * alpha[1];
    signal keyXAt3 <== keyX * alpha[3];
    signal keyYAt4 <== keyY * alpha[4];
    signal ownerAt5 <== owner * alpha[5];
    signal withdrawalAt6 <== isWithdrawal * alpha[6];
    signal metaAt2 <== meta * alpha[2];
    signal marketAt3 <== market * alpha[3];
    signal inAt1 <== inRoot * alpha[1];
    signal outAt1 <== outRoot * alpha[1];

    component lots = Fraction();
    lots.numerator <== instrumentChange;
    lots.denominator <== gamma - (BUS_CHANGE() + instrumentAt1 + blockAt2);
    component cash = Fraction();
    cash.numerator <== cashChange;
    cash.denominator <== gamma - (BUS_CHANGE() + blockAt2);
    // What leaves the rollup: a withdrawal's change is -fill.
    component leaves = Fraction();
    leaves.numerator <== -isWithdrawal * instrumentChange;
    leaves.denominator <== gamma - (BUS_CONSERVE() + instrumentAt1);
    component key = Fraction();
    key.numerator <== enabled;
    key.denominator <== gamma - (BUS_KEY() + accountAt1 + blockAt2 + keyXAt3 + keyYAt4 + ownerAt5 + withdrawalAt6);
    component entry = Fraction();
    entry.numerator <== -enabled;
    entry.denominator <== gamma - (BUS_SLOTS() + inAt1 + blockAt2);
    component exit = Fraction();
    exit.numerator <== enabled;
    exit.denominator <== gamma - (BUS_SLOTS() + outAt1 + blockAt2);
    component row = Fraction();
    row.numerator <== usesMarket;
    row.denominator <== gamma - (BUS_MARKET() + instrumentAt1 + metaAt2 + marketAt3);
    sum <== lots.out + cash.out + leaves.out + key.out + entry.out + exit.out + row.out;
}
