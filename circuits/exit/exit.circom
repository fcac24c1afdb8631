pragma circom 2.2.0;

include "comparators.circom";
include "../lib/pick.circom";
include "../lib/protocol.circom";
include "../lib/quad.circom";
include "../lib/range.circom";
include "../risk/open_bucket.circom";
include "../settlement/leaf.circom";
include "../settlement/market.circom";
include "../settlement/positions.circom";

// spec 8.2. Kind and base of one held instrument. If enabled: `id` has a listed row under riskRoot, isSpot says whether that row's kind is
// spot, and base is that row's base, -2^35 <= base < 2^35. If not: isSpot = 0 and base means nothing.
// Precondition: enabled is a bit. The bucket is the one that id names, so there is nothing to look up.
template HeldRow() {
    var T = BOUND_ROWS_PER_BUCKET();
    var J = BOUND_SCENARIOS() \ 3;
    signal input riskRoot;
    signal input enabled;
    signal input id;
    signal input siblings[DEPTH_RISK_BUCKETS()][3];
    signal input meta[T];
    signal input market[T];
    signal input long[T][J];
    signal input short[T][J];
    signal output isSpot;
    signal output base;

    component idBits = Num2Bits(WIDTH_INSTRUMENT());
    idBits.in <== id;
    component hash = BucketHash();
    hash.meta <== meta;
    hash.market <== market;
    hash.long <== long;
    hash.short <== short;
    component path = QuadRoot(DEPTH_RISK_BUCKETS());
    path.leaf <== hash.out;
    for (var i = 0; i < 2 * DEPTH_RISK_BUCKETS(); i++) { path.bits[i] <== idBits.out[4 + i]; }
    path.siblings <== siblings;
    enabled * (path.root - riskRoot) === 0;

    component metaOfRow = Pick(4);
    component marketOfRow = Pick(4);
    for (var i = 0; i < 4; i++) {
        metaOfRow.bits[i] <== idBits.out[i];
        marketOfRow.bits[i] <== idBits.out[i];
    }
    metaOfRow.values <== meta;
    marketOfRow.values <== market;
    component unpacked = UnpackMeta();
    unpacked.meta <== metaOfRow.out;
    enabled * (1 - unpacked.isListed) === 0;
    isSpot <== enabled * unpacked.isSpot;

    // index, base + 2^35, F + 2^35, price bound: 36 bits each.
    component fields = Num2Bits(4 * WIDTH_MARKET());
    fields.in <== marketOfRow.out;
    var biased = 0;
    for (var i = 0; i < WIDTH_MARKET(); i++) { biased += fields.out[WIDTH_MARKET() + i] * 2 ** i; }
    base <== biased - 2 ** (WIDTH_MARKET() - 1);
}

// spec 8.2. What `account` of `owner` is worth, in the leaf under `root`, at the bases under `riskRoot`. The first S slots may be taken.
// Bits: 16 x (2^44 - 1) x 2^35 < 2^83, and |cash| <= 2^63, so equity is an integer of 85 bits before its range check; the public value is
// below 2^84, and spotValue below 2^83, as integers.
template Exit(S) {
    var P = BOUND_POSITIONS();
    var T = BOUND_ROWS_PER_BUCKET();
    var J = BOUND_SCENARIOS() \ 3;
    // public
    signal input root;
    signal input riskRoot;
    signal input accountOwner;          // account + owner x 2^24
    signal input equity;                // cash + sum of base x size of what is not spot, + 2^83
    signal input spotValue;             // sum of base x size of spot
    signal input spot[P \ 4];           // the packed positions, 0 in every slot that is not spot
    // the leaf
    signal input account;
    signal input siblings[DEPTH_ACCOUNT()][3];
    signal input owner;
    signal input keyX;
    signal input keyY;
    signal input viewKey;
    signal input version;
    signal input cash;                  // + 2^63
    signal input orderRoot;
    signal input id[P];
    signal input magnitude[P];
    signal input negative[P];
    // the bucket of each slot's instrument
    signal input bucketSiblings[S][DEPTH_RISK_BUCKETS()][3];
    signal input meta[S][T];
    signal input market[S][T];
    signal input long[S][T][J];
    signal input short[S][T][J];

    component accountBits = Num2Bits(WIDTH_ACCOUNT());
    accountBits.in <== account;
    component ownerRange = Range(WIDTH_OWNER());
    ownerRange.in <== owner;
    accountOwner === account + owner * 2 ** WIDTH_ACCOUNT();
    // The reserved accounts have no owner: nobody leaves with the fees or the insurance fund.
    component isReserved = IsZero();
    isReserved.in <== owner;
    isReserved.out === 0;

    component versionRange = Range(WIDTH_VERSION());
    versionRange.in <== version;
    component cashRange = Range(WIDTH_CASH());
    cashRange.in <== cash;
    component positions = Positions();
    positions.id <== id;
    positions.magnitude <== magnitude;
    positions.negative <== negative;
    component leaf = LeafHash();
    leaf.owner <== owner;
    leaf.keyX <== keyX;
    leaf.keyY <== keyY;
    leaf.viewKey <== viewKey;
    leaf.versionCash <== cash + version * 2 ** WIDTH_CASH();
    leaf.orderRoot <== orderRoot;
    leaf.packed <== positions.packed;
    component path = QuadRoot(DEPTH_ACCOUNT());
    path.leaf <== leaf.out;
    path.bits <== accountBits.out;
    path.siblings <== siblings;
    path.root === root;

    component isFree[S];
    component row[S];
    signal value[S];
    signal spotTerm[S];
    signal spotSlot[S];
    var derivatives = 0;
    var spots = 0;
    var masked[P \ 4];
    for (var e = 0; e < P \ 4; e++) { masked[e] = 0; }
    for (var j = 0; j < S; j++) {
        isFree[j] = IsZero();
        isFree[j].in <== magnitude[j];
        row[j] = HeldRow();
        row[j].riskRoot <== riskRoot;
        row[j].enabled <== 1 - isFree[j].out;
        row[j].id <== id[j];
        row[j].siblings <== bucketSiblings[j];
        row[j].meta <== meta[j];
        row[j].market <== market[j];
        row[j].long <== long[j];
        row[j].short <== short[j];
        row[j].isSpot * negative[j] === 0;    // no spot is held short (spec 3.2), so a claim on a token is never negative

        value[j] <== row[j].base * positions.size[j];
        spotTerm[j] <== row[j].isSpot * value[j];
        spots += spotTerm[j];
        derivatives += value[j] - spotTerm[j];
        spotSlot[j] <== row[j].isSpot * (id[j] + magnitude[j] * 2 ** 18);
        masked[j \ 4] += spotSlot[j] * 2 ** (63 * (j % 4));
    }
    for (var j = S; j < P; j++) { magnitude[j] === 0; }

    equity === cash - 2 ** 63 + derivatives + 2 ** 83;
    spotValue === spots;
    for (var e = 0; e < P \ 4; e++) { spot[e] === masked[e]; }
    component equityRange = Range(WIDTH_RISK_LIMB());
    equityRange.in <== equity;
    component spotRange = Range(WIDTH_RISK_LIMB() - 1);
    spotRange.in <== spotValue;
}
