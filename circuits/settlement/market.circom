pragma circom 2.2.0;

include "../lib/range.circom";
include "../lib/protocol.circom";

// spec 3.6. The market word of a risk row from its fields, each in its width.
template MarketWord() {
    signal input index;
    signal input base;                  // + 2^35
    signal input funding;               // + 2^35
    signal input priceBound;
    signal output market;

    component range[4];
    for (var i = 0; i < 4; i++) { range[i] = Range(WIDTH_MARKET()); }
    range[0].in <== index;
    range[1].in <== base;
    range[2].in <== funding;
    range[3].in <== priceBound;
    market <== index + base * 2 ** 36 + funding * 2 ** 72 + priceBound * 2 ** 108;
}

// spec 3.6. Splits the meta word of a risk row into kind, flags, group (3, 4, 4 bits).
template UnpackMeta() {
    signal input meta;
    signal output isSpot;
    signal output isListed;
    signal output flags;
    signal output settled;
    signal output groupBits[WIDTH_GROUP()];

    component bits = Num2Bits(11);
    bits.in <== meta;
    // kind = k0 + 2 k1 + 4 k2; spot is 1, unlisted is 0.
    signal neither <== (1 - bits.out[1]) * (1 - bits.out[2]);
    isSpot <== bits.out[0] * neither;
    isListed <== 1 - neither + isSpot;
    flags <== bits.out[3] + 2 * bits.out[4] + 4 * bits.out[5] + 8 * bits.out[6];
    settled <== bits.out[3];
    for (var i = 0; i < 4; i++) { groupBits[i] <== bits.out[7 + i]; }
}
