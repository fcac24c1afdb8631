pragma circom 2.2.0;

include "../lib/range.circom";
include "../lib/fraction.circom";
include "../lib/protocol.circom";
include "market.circom";

// spec 5.8, 5.9. A change that nobody signed: liquidation, deleveraging or conversion of some or all of one old position; with `closing`,
// the first two at the request of the account's owner.
// Statement: at most the old size is closed, against its sign; a liquidation is priced within the row's bound of the mark and its fee
// within the rate; a deleveraging is priced at the mark or better for the block, against an old position of the opposite sign, which
// bears at most its share, by lots, of the deficit; a conversion takes the whole position of a settled instrument that is not spot at
// its base. That the old sizes and the deficit are those of the blocks named, and that the blocks may be forced, is the facts' part.
template ForcedRow() {
    signal input kindBit[2];            // 1 liquidation, 2 deleverage, 3 conversion
    signal input closing;               // 1: of a close request
    signal input block;
    signal input counterBlock;
    signal input instrument;
    signal input oldMagnitude;
    signal input oldNegative;
    signal input counterMagnitude;
    signal input fill;
    signal input quote;
    signal input fee;
    signal input deficit;               // what the block lacked at the mark before it is deleveraged
    signal input meta;
    signal input index;
    signal input base;                  // + 2^35
    signal input funding;               // + 2^35
    signal input priceBound;

    signal output word[3];
    signal output market;
    signal output enabled;
    signal output isDeleverage;
    signal output isConversion;
    signal output forces;               // liquidation or deleveraging
    signal output sign;
    signal output lots;                 // change of the block's position
    signal output cash;                 // change of the block's cash
    signal output counterLots;
    signal output counterCash;
    signal output converted;            // cash that a conversion makes

    component bit[4];
    for (var i = 0; i < 4; i++) { bit[i] = Bit(); }
    bit[3].in <== closing;
    bit[0].in <== kindBit[0];
    bit[1].in <== kindBit[1];
    bit[2].in <== oldNegative;
    isConversion <== kindBit[0] * kindBit[1];
    signal isLiquidation <== kindBit[0] - isConversion;
    isDeleverage <== kindBit[1] - isConversion;
    forces <== isLiquidation + isDeleverage;
    enabled <== forces + isConversion;
    (1 - forces) * closing === 0;
    sign <== 1 - 2 * oldNegative;

    component blockRange[2];
    for (var i = 0; i < 2; i++) { blockRange[i] = Range(WIDTH_BLOCK()); }
    blockRange[0].in <== block;
    blockRange[1].in <== counterBlock;
    component instrumentRange = Range(WIDTH_INSTRUMENT());
    instrumentRange.in <== instrument;
    component sizeRange[5];
    for (var i = 0; i < 5; i++) { sizeRange[i] = Range(WIDTH_POSITION_SIZE()); }
    sizeRange[0].in <== oldMagnitude;
    sizeRange[1].in <== counterMagnitude;
    sizeRange[2].in <== fill - enabled;
    sizeRange[3].in <== oldMagnitude - fill;
    sizeRange[4].in <== isDeleverage * (counterMagnitude - fill);
    (1 - enabled) * fill === 0;
    isConversion * (oldMagnitude - fill) === 0;
    component quoteRange = Range(WIDTH_QUOTE());
    quoteRange.in <== quote;
    component feeRange = Range(WIDTH_FEE());
    feeRange.in <== fee;
    (1 - forces) * quote === 0;
    (1 - isLiquidation) * fee === 0;

    component unpacked = UnpackMeta();
    unpacked.meta <== meta;
    component marketWord = MarketWord();
    marketWord.index <== index;
    marketWord.base <== base;
    marketWord.funding <== funding;
    marketWord.priceBound <== priceBound;
    market <== marketWord.market;
    // What is settled or delisted still has counterparties, at its mark: the bound of such a row is 0.
    (forces - closing) * unpacked.flags === 0;
    // Sizes of spot do not sum to zero: converting it would make cash.
    isConversion * (1 - unpacked.settled + unpacked.isSpot) === 0;
    closing * (unpacked.isSpot + fee) === 0;
    closing * deficit === 0;

    // fill < 2^44, prices and bound < 2^36: products below 2^81; quote < 2^84.
    signal fundingPart <== (funding - 2 ** 35) * fill;
    signal basePart <== (base - 2 ** 35) * fill;
    signal allowance <== priceBound * fill;
    // In the block's favour: a seller above, a buyer below the mark base + F.
    signal gain <== sign * (quote - basePart - fundingPart);
    signal closesAgainst <== isDeleverage * closing;
    signal leeway <== (isLiquidation + closesAgainst) * allowance;
    component priced = Range(86);
    priced.in <== forces * gain + leeway;
    // One lot against one counterparty could else carry the whole deficit; without a deficit the account gains nothing. |gain| < 2^85 and, where the facts hold, deficit < 2^85.
    signal lotsOfDeficit <== deficit * fill;
    signal lotsOfGain <== gain * oldMagnitude;
    component share = Range(131);
    share.in <== isDeleverage * (lotsOfDeficit - lotsOfGain);
    // fee 10^6 < 2^80, rate quote < 2^97.
    component feeBound = Range(98);
    feeBound.in <== SCALE_LIQUIDATION_FEE_RATE() * quote + (SCALE_FEE_RATE_DENOMINATOR() - 1) - fee * SCALE_FEE_RATE_DENOMINATOR();

    lots <== -sign * fill;
    counterLots <== -isDeleverage * lots;
    signal payoff <== isConversion * basePart;
    converted <== sign * payoff;
    signal flow <== sign * (quote - fundingPart);
    signal traded <== forces * flow;
    cash <== traded + converted - fee;
    counterCash <== -isDeleverage * flow;

    word[0] <== kindBit[0] + 2 * kindBit[1] + block * 2 ** 2 + counterBlock * 2 ** 10 + instrument * 2 ** 18 + oldNegative * 2 ** 36
        + oldMagnitude * 2 ** 37 + counterMagnitude * 2 ** 81 + fill * 2 ** 125 + fee * 2 ** 170 + closing * 2 ** 230;
    word[1] <== quote + meta * 2 ** 84 + market * 2 ** 95;
    word[2] <== deficit;
}

// spec 5.6, the facts of a forced row.
template ForcedFacts() {
    signal input alpha[7];
    signal input gamma;
    signal input enabled;
    signal input isDeleverage;
    signal input isConversion;
    signal input forces;
    signal input closing;
    signal input sign;
    signal input block;
    signal input counterBlock;
    signal input instrument;
    signal input oldMagnitude;
    signal input counterMagnitude;
    signal input deficit;
    signal input meta;
    signal input market;
    signal input lots;
    signal input cash;
    signal input counterLots;
    signal input counterCash;
    signal input converted;
    signal output sum;

    signal instrumentAt1 <== instrument * alpha[1];
    signal blockAt2 <== block * alpha[2];
    signal counterAt2 <== counterBlock * alpha[2];
    signal oldSize <== sign * oldMagnitude;
    signal counterSize <== -sign * counterMagnitude;
    signal sizeAt3 <== oldSize * alpha[3];
    signal counterSizeAt3 <== counterSize * alpha[3];
    // The block's role: 0 liquidated, 1 deleveraged, 3 closed.
    signal role <== isDeleverage + closing * (3 - isDeleverage);
    signal roleAt1 <== role * alpha[1];
    signal borne <== isDeleverage * deficit;
    signal borneAt3 <== borne * alpha[3];
    signal metaAt2 <== meta * alpha[2];
    signal marketAt3 <== market * alpha[3];

    component change[4];
    for (var i = 0; i < 4; i++) { change[i] = Fraction(); }
    change[0].numerator <== lots;
    change[0].denominator <== gamma - (BUS_CHANGE() + instrumentAt1 + blockAt2);
    change[1].numerator <== cash;
    change[1].denominator <== gamma - (BUS_CHANGE() + blockAt2);
    change[2].numerator <== counterLots;
    change[2].denominator <== gamma - (BUS_CHANGE() + instrumentAt1 + counterAt2);
    change[3].numerator <== counterCash;
    change[3].denominator <== gamma - (BUS_CHANGE() + counterAt2);
    // A conversion is one-sided: lots leave and cash comes, and over all holders both sum to zero.
    component conserve[2];
    for (var i = 0; i < 2; i++) { conserve[i] = Fraction(); }
    conserve[0].numerator <== -isConversion * lots;
    conserve[0].denominator <== gamma - (BUS_CONSERVE() + instrumentAt1);
    conserve[1].numerator <== -converted;
    conserve[1].denominator <== gamma - BUS_CONSERVE();
    component position[2];
    for (var i = 0; i < 2; i++) { position[i] = Fraction(); }
    position[0].numerator <== enabled;
    position[0].denominator <== gamma - (BUS_POSITION() + instrumentAt1 + blockAt2 + sizeAt3);
    position[1].numerator <== isDeleverage;
    position[1].denominator <== gamma - (BUS_POSITION() + instrumentAt1 + counterAt2 + counterSizeAt3);
    component forced[2];
    for (var i = 0; i < 2; i++) { forced[i] = Fraction(); }
    forced[0].numerator <== forces;
    forced[0].denominator <== gamma - (BUS_FORCED() + roleAt1 + blockAt2 + borneAt3);
    forced[1].numerator <== isDeleverage;
    forced[1].denominator <== gamma - (BUS_FORCED() + 2 * alpha[1] + counterAt2);
    component row = Fraction();
    row.numerator <== enabled;
    row.denominator <== gamma - (BUS_MARKET() + instrumentAt1 + metaAt2 + marketAt3);
    var total = row.out;
    for (var i = 0; i < 4; i++) { total += change[i].out; }
    for (var i = 0; i < 2; i++) { total += conserve[i].out + position[i].out + forced[i].out; }
    sum <== total;
}
