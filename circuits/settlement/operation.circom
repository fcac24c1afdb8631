pragma circom 2.2.0;

include "comparators.circom";
include "../lib/range.circom";
include "../lib/fraction.circom";
include "../lib/protocol.circom";
include "market.circom";

// spec 5.1.2, 5.6, 5.9. One L1 operation: registration (kind 1), deposit (kind 2), withdrawal request (kind 3), close request (kind 4),
// or an unused or refused place (kind 0).
// The contract compares the published words with its queue; here they take effect on the block named.
// Statement of a request: owner is who made it; it pays at most what was asked, and nothing if it was not made by `actualOwner`, which
// the facts bind to the owner of the account's block; what the block has to show (`flags`) follows from it.
template Operation() {
    signal input kind[4];               // one-hot: kinds 1..4
    signal input account;
    signal input asset;
    signal input amount;
    signal input owner;                 // of a request: who made it
    signal input keyX;                  // of a withdrawal request: what it is paid
    signal input block;
    signal input actualOwner;           // of a request: whom the account belongs to
    signal input usesMarket;            // 1 if the operation reads the asset's row
    // the row of its asset
    signal input meta;
    signal input index;
    signal input base;                  // + 2^35
    signal input funding;               // + 2^35
    signal input priceBound;

    signal output word;                 // operation word
    signal output absorbed;             // block + meta 2^8 + usesMarket 2^19
    signal output market;
    signal output named;                // registration or deposit
    signal output isRequest;
    signal output moved;                // what the account gets: a deposit's amount, a request's payment below 0
    signal output flags;                // of a request: pays + 2 short + 4 close
    signal output shortAsset;           // of a request that is paid less than it asks: its asset,
    signal output shortFloor;           // and, for spot, a health below which one lot more could be too much (2 x index), 0 if not looked up

    signal enabled <== kind[0] + kind[1] + kind[2] + kind[3];
    component bit[6];
    for (var i = 0; i < 4; i++) {
        bit[i] = Bit();
        bit[i].in <== kind[i];
    }
    bit[4] = Bit();
    bit[4].in <== enabled;
    bit[5] = Bit();
    bit[5].in <== usesMarket;
    named <== kind[0] + kind[1];
    isRequest <== kind[2] + kind[3];

    component accountRange = Range(WIDTH_ACCOUNT());
    accountRange.in <== account;
    component assetRange = Range(WIDTH_INSTRUMENT());
    assetRange.in <== asset;
    component blockRange = Range(WIDTH_BLOCK());
    blockRange.in <== block;
    (1 - enabled) * amount === 0;

    // What is paid and what is left of the amount, each below 2^48; without a payment the amount is what is left.
    signal paid <== kind[2] * keyX;
    kind[3] * keyX === 0;
    component paidRange = Range(WIDTH_AMOUNT());
    paidRange.in <== paid;
    component leftRange = Range(WIDTH_AMOUNT());
    leftRange.in <== amount - paid;
    signal received <== named * amount;
    moved <== received - paid;

    component isOwner = IsEqual();
    isOwner.in[0] <== owner;
    isOwner.in[1] <== actualOwner;
    (1 - isOwner.out) * paid === 0;
    component nothingPaid = IsZero();
    nothingPaid.in <== paid;
    component nothingLeft = IsZero();
    nothingLeft.in <== amount - paid;
    signal asksOwn <== kind[2] * isOwner.out;
    signal short <== asksOwn * (1 - nothingLeft.out);
    signal close <== kind[3] * isOwner.out;
    flags <== 1 - nothingPaid.out + 2 * short + 4 * close;

    // Whatever moves other than cash is spot; what moves nothing need not be listed.
    component unpacked = UnpackMeta();
    unpacked.meta <== meta;
    component marketWord = MarketWord();
    marketWord.index <== index;
    marketWord.base <== base;
    marketWord.funding <== funding;
    marketWord.priceBound <== priceBound;
    market <== marketWord.market;
    component isCash = IsZero();
    isCash.in <== asset;
    signal movesAsset <== (named + 1 - nothingPaid.out) * (1 - isCash.out);
    movesAsset * (1 - usesMarket) === 0;
    usesMarket * (1 - unpacked.isSpot + isCash.out) === 0;
    shortAsset <== short * asset;
    signal floor <== 2 * index * usesMarket;
    shortFloor <== short * floor;

    word <== kind[0] + 2 * kind[1] + 3 * kind[2] + 4 * kind[3] + account * 2 ** 3 + asset * 2 ** 27 + amount * 2 ** 45;
    absorbed <== block + meta * 2 ** 8 + usesMarket * 2 ** 19;
}

template OperationFacts() {
    signal input alpha[7];
    signal input gamma;
    signal input isRegistration;
    signal input named;
    signal input isRequest;
    signal input usesMarket;
    signal input account;
    signal input asset;
    signal input moved;
    signal input owner;
    signal input keyX;
    signal input keyY;
    signal input viewKeyHash;
    signal input block;
    signal input actualOwner;
    signal input flags;
    signal input shortAsset;
    signal input shortFloor;
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
    signal ownerAt3 <== actualOwner * alpha[3];
    signal flagsAt4 <== flags * alpha[4];
    signal shortAssetAt5 <== shortAsset * alpha[5];
    signal shortFloorAt6 <== shortFloor * alpha[6];

    component change = Fraction();
    change.numerator <== moved;
    change.denominator <== gamma - (BUS_CHANGE() + assetAt1 + blockAt2);
    component conserve = Fraction();
    conserve.numerator <== -moved;
    conserve.denominator <== gamma - (BUS_CONSERVE() + assetAt1);
    component names = Fraction();
    names.numerator <== named;
    names.denominator <== gamma - (BUS_ACCOUNT() + accountAt1 + blockAt2);
    component register = Fraction();
    register.numerator <== isRegistration;
    register.denominator <== gamma - (BUS_REGISTER() + accountAt1 + ownerAt2 + keyXAt3 + keyYAt4 + viewAt5);
    component request = Fraction();
    request.numerator <== isRequest;
    request.denominator <== gamma - (BUS_REQUEST() + accountAt1 + blockAt2 + ownerAt3 + flagsAt4 + shortAssetAt5 + shortFloorAt6);
    component row = Fraction();
    row.numerator <== usesMarket;
    row.denominator <== gamma - (BUS_MARKET() + assetAt1 + metaAt2 + marketAt3);
    sum <== change.out + conserve.out + names.out + register.out + request.out + row.out;
}
