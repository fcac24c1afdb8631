pragma circom 2.2.0;

include "../lib/pick.circom";
include "../lib/protocol.circom";
include "../lib/quad.circom";
include "../lib/range.circom";
include "open_bucket.circom";

// spec 9.2. `row` is the risk row of `id` under riskRoot, element by element; all 0 where the whole bucket of id is empty (leaf 0).
// Nothing is said about what the elements are: a row that breaks spec 3.6 is opened like any other.
template Row() {
    var T = BOUND_ROWS_PER_BUCKET();
    var J = BOUND_SCENARIOS() \ 3;
    // public
    signal input riskRoot;
    signal input id;
    signal input row[2 + 2 * J];        // meta, market, long, short
    // the bucket
    signal input isEmpty;
    signal input siblings[DEPTH_RISK_BUCKETS()][3];
    signal input meta[T];
    signal input market[T];
    signal input long[T][J];
    signal input short[T][J];

    component idBits = Num2Bits(WIDTH_INSTRUMENT());
    idBits.in <== id;
    component empty = Bit();
    empty.in <== isEmpty;
    component hash = BucketHash();
    hash.meta <== meta;
    hash.market <== market;
    hash.long <== long;
    hash.short <== short;
    component path = QuadRoot(DEPTH_RISK_BUCKETS());
    path.leaf <== (1 - isEmpty) * hash.out;
    for (var i = 0; i < 2 * DEPTH_RISK_BUCKETS(); i++) { path.bits[i] <== idBits.out[4 + i]; }
    path.siblings <== siblings;
    path.root === riskRoot;

    component element[2 + 2 * J];
    for (var e = 0; e < 2 + 2 * J; e++) {
        element[e] = Pick(4);
        for (var i = 0; i < 4; i++) { element[e].bits[i] <== idBits.out[i]; }
        for (var t = 0; t < T; t++) {
            if (e == 0) { element[e].values[t] <== meta[t]; }
            else if (e == 1) { element[e].values[t] <== market[t]; }
            else if (e < 2 + J) { element[e].values[t] <== long[t][e - 2]; }
            else { element[e].values[t] <== short[t][e - 2 - J]; }
        }
        row[e] === (1 - isEmpty) * element[e].out;
    }
}
