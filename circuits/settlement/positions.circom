pragma circom 2.2.0;

include "../lib/range.circom";
include "comparators.circom";
include "../lib/protocol.circom";

// spec 3.2. The 16 slots of a leaf, range-checked and packed four an element.
// In: id < 2^18, magnitude < 2^44, negative a bit, all checked here. Out: packed[4]; size = signed; minus = the part held short
// (magnitude if negative, else 0), so plus = size + minus: the split by sign is exact because it is the encoding.
template Positions() {
    var P = BOUND_POSITIONS();
    signal input id[P];
    signal input magnitude[P];
    signal input negative[P];
    signal output packed[P \ 4];
    signal output size[P];
    signal output minus[P];

    component idRange[P];
    component magnitudeRange[P];
    component sign[P];
    for (var j = 0; j < P; j++) {
        idRange[j] = Range(WIDTH_INSTRUMENT());
        idRange[j].in <== id[j];
        magnitudeRange[j] = Range(WIDTH_POSITION_SIZE());
        magnitudeRange[j].in <== magnitude[j];
        sign[j] = Bit();
        sign[j].in <== negative[j];
        minus[j] <== negative[j] * magnitude[j];
        size[j] <== magnitude[j] - 2 * minus[j];
    }
    for (var e = 0; e < P \ 4; e++) {
        var sum = 0;
        for (var i = 0; i < 4; i++) {
            var j = 4 * e + i;
            sum += (id[j] + magnitude[j] * 2 ** 18 + negative[j] * 2 ** 62) * 2 ** (63 * i);
        }
        packed[e] <== sum;
    }
}

// Canonical order of a new leaf's slots: ids strictly ascending, free slots (id = magnitude = negative = 0) last.
// Precondition: Positions() has range-checked them.
template OrderedPositions() {
    var P = BOUND_POSITIONS();
    signal input id[P];
    signal input magnitude[P];
    signal input negative[P];

    component free[P];
    component above[P - 1];
    signal gap[P - 1];
    for (var j = 0; j < P; j++) {
        free[j] = IsZero();
        free[j].in <== magnitude[j];
        free[j].out * (id[j] + negative[j]) === 0;    // both are non-negative and small: zero sum = both zero
    }
    // The first id is at least 1 if its slot is taken; each further taken slot has a larger id than the slot before,
    // and the slot before is taken.
    component first = Range(WIDTH_INSTRUMENT());
    first.in <== id[0] - (1 - free[0].out);
    for (var j = 1; j < P; j++) {
        free[j - 1].out * (1 - free[j].out) === 0;
        gap[j - 1] <== (1 - free[j].out) * (id[j] - id[j - 1] - 1);
        above[j - 1] = Range(WIDTH_INSTRUMENT());
        above[j - 1].in <== gap[j - 1];
    }
}
