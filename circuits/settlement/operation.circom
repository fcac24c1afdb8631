pragma circom 2.2.0;

include "comparators.circom";
include "../lib/range.circom";
include "../lib/fraction.circom";
include "../lib/protocol.circom";
include "market.circom";

// spec 5.1.2, 5.6. One L1 operation: registration (kind 1), deposit (kind 2), or an unused or refused place (kind 0).
// The contract compares the published words with its queue; here they take effect on the block named.
template Operation() {
    signal input kindBit[2];
    signal input account;
    signal input asset;
    signal input amount;
    signal input owner;
    signal input keyX;
    signal input keyY;
    signal input viewKeyHash;
    signal input block;
    signal input meta;
    signal input market;

    signal output word;                 // operation word
    signal output absorbed;             // block + meta 2^8
    signal output enabled;
    signal output usesMarket;

    component kind0 = Bit();
    kind0.in <== kindBit[0];
    component kind1 = Bit();
    kind1.in <== kindBit[1];
    kindBit[0] * kindBit[1] === 0;
    enabled <== kindBit[0] + kindBit[1];

    component accountRange = Range(WIDTH_ACCOUNT());
    accountRange.in <== account;
    component assetRange = Range(WIDTH_INSTRUMENT());
    assetRange.in <== asset;
    component amountRange = Range(WIDTH_AMOUNT());
    amountRange.in <== amount;
    component blockRange = Range(WIDTH_BLOCK());
    blockRange.in <== block;
    (1 - enabled) * amount === 0;

    component unpacked = UnpackMeta();
    unpacked.meta <== meta;
    component isCash = IsZero();
    isCash.in <== asset;
    usesMarket <== enabled * (1 - isCash.out);
    usesMarket * (1 - unpacked.isSpot) === 0;

    word <== kindBit[0] + 2 * kindBit[1] + account * 2 ** 3 + asset * 2 ** 27 + amount * 2 ** 45;
    absorbed <== block + meta * 2 ** 8;
}

template OperationFacts() {
    signal input alpha[7];
    signal input gamma;
    signal input isRegistration;
    signal input enabled;
    signal input usesMarket;
    signal input account;
    signal input asset;
    signal input amount;
    signal input owner;
    signal input keyX;
    signal input keyY;
    signal input viewKeyHash;
    signal input block;
    signal input meta;
    signal input market;
    signal output sum;

    signal assetAt1 <== asset * alpha[1];
    signal accountAt1 <== account * alpha[1];
    signal blockAt2 <== block * alpha[2];
    signal ownerAt2 <== owner * alpha[2];
    signal keyXAt3 <== keyX * alpha[3];
    signal keyYAt4 <== keyY * alpha[4];
    signal viewAt5 <== viewKeyHash * alpha[5];
    signal metaAt2 <== meta * alpha[2];
    signal marketAt3 <== market * alpha[3];

    component change = Fraction();
    change.numerator <== amount;
    change.denominator <== gamma - (BUS_CHANGE() + assetAt1 + blockAt2);
    component conserve = Fraction();
    conserve.numerator <== -amount;
    conserve.denominator <== gamma - (BUS_CONSERVE() + assetAt1);
    component named = Fraction();
    named.numerator <== enabled;
    named.denominator <== gamma - (BUS_ACCOUNT() + accountAt1 + blockAt2);
    component register = Fraction();
    register.numerator <== isRegistration;
    register.denominator <== gamma - (BUS_REGISTER() + accountAt1 + ownerAt2 + keyXAt3 + keyYAt4 + viewAt5);
    component row = Fraction();
    row.numerator <== usesMarket;
    row.denominator <== gamma - (BUS_MARKET() + assetAt1 + metaAt2 + marketAt3);
    sum <== change.out + conserve.out + named.out + register.out + row.out;
}
