pragma circom 2.2.0;

include "../lib/range.circom";
include "../lib/quad.circom";
include "../lib/sponge.circom";
include "../lib/fraction.circom";
include "../lib/protocol.circom";
include "../settlement/market.circom";

// spec 3.5. The leaf of a bucket with at least one listed row: the sponge over its 16 rows.
template BucketHash() {
    var T = BOUND_ROWS_PER_BUCKET();
    var J = BOUND_SCENARIOS() \ 3;
    signal input meta[T];
    signal input market[T];
    signal input long[T][J];
    signal input short[T][J];
    signal output out;

    component sponge = Sponge(TAG_BUCKET(), T * (2 + 2 * J));
    for (var t = 0; t < T; t++) {
        var at = t * (2 + 2 * J);
        sponge.in[at] <== meta[t];
        sponge.in[at + 1] <== market[t];
        for (var j = 0; j < J; j++) {
            sponge.in[at + 2 + j] <== long[t][j];
            sponge.in[at + 2 + J + j] <== short[t][j];
        }
    }
    out <== sponge.out;
}

// spec 3.5, 3.6. Opens the 16 risk rows of one bucket under riskRoot. Values stay packed.
template OpenBucket() {
    var T = BOUND_ROWS_PER_BUCKET();
    var J = BOUND_SCENARIOS() \ 3;
    signal input riskRoot;
    signal input bucket;
    signal input siblings[DEPTH_RISK_BUCKETS()][3];
    signal input meta[T];
    signal input market[T];
    signal input long[T][J];
    signal input short[T][J];
    signal input multiplicity[T];
    signal output word;                 // bucket word of spec 5.7
    signal output isListed[T];
    signal output isSpot[T];
    signal output groupBits[T][WIDTH_GROUP()];

    component hash = BucketHash();
    hash.meta <== meta;
    hash.market <== market;
    hash.long <== long;
    hash.short <== short;
    component unpacked[T];
    component multiplicityRange[T];
    var sum = bucket;
    for (var t = 0; t < T; t++) {
        unpacked[t] = UnpackMeta();
        unpacked[t].meta <== meta[t];
        groupBits[t] <== unpacked[t].groupBits;
        isListed[t] <== unpacked[t].isListed;
        isSpot[t] <== unpacked[t].isSpot;
        (1 - isListed[t]) * multiplicity[t] === 0;    // nothing trades on an unlisted row
        multiplicityRange[t] = Range(WIDTH_MULTIPLICITY());
        multiplicityRange[t].in <== multiplicity[t];
        sum += multiplicity[t] * 2 ** (14 + 8 * t);
    }
    word <== sum;

    component bits = Num2Bits(2 * DEPTH_RISK_BUCKETS());
    bits.in <== bucket;
    component path = QuadRoot(DEPTH_RISK_BUCKETS());
    path.leaf <== hash.out;
    path.bits <== bits.out;
    path.siblings <== siblings;
    path.root === riskRoot;
}

// spec 5.5, the rows' side: margin = sum_t mu^(g_t) (W+_t Q+_t - W-_t Q-_t), derivative = the same of the first packed
// element of rows that are not spot, poles = sum_t Q_t / (delta - id_t);
// and the market facts of 5.6.
template BucketFacts() {
    var T = BOUND_ROWS_PER_BUCKET();
    var J = BOUND_SCENARIOS() \ 3;
    signal input mu[WIDTH_GROUP()];
    signal input rho;
    signal input delta;
    signal input alpha[7];
    signal input gamma;
    signal input bucket;
    signal input meta[T];
    signal input market[T];
    signal input long[T][J];
    signal input short[T][J];
    signal input multiplicity[T];
    signal input quantityPlus[T];       // Q+ and Q-
    signal input quantityMinus[T];
    signal input isListed[T];
    signal input isSpot[T];
    signal input groupBits[T][WIDTH_GROUP()];
    signal output margin;
    signal output derivative;           // sum over rows that are not spot, scenarios 0..2, no challenge of its own
    signal output derivativeLots;       // sum of Q+ + Q- over rows that are not spot
    signal output polesPlus;
    signal output polesMinus;
    signal output sum;

    component muPower[T];
    component plus[T];
    component minus[T];
    component row[T];
    signal longAt[T][J];
    signal shortAt[T][J];
    signal longValue[T];
    signal value[T];
    signal firstLong[T];
    signal firstValue[T];
    signal derivativeTerm[T];
    signal lotsTerm[T];
    signal term[T];
    signal idAt1[T];
    signal metaAt2[T];
    signal marketAt3[T];
    var marginSum = 0;
    var derivativeSum = 0;
    var lotsSum = 0;
    var plusSum = 0;
    var minusSum = 0;
    var facts = 0;
    for (var t = 0; t < T; t++) {
        var id = bucket * T + t;
        // Nothing is held on an unlisted row; no spot is held short.
        (1 - isListed[t]) * quantityPlus[t] === 0;
        (1 - isListed[t] + isSpot[t]) * quantityMinus[t] === 0;

        longAt[t][J - 1] <== long[t][J - 1];
        shortAt[t][J - 1] <== short[t][J - 1];
        for (var j = J - 2; j >= 0; j--) {
            longAt[t][j] <== longAt[t][j + 1] * rho + long[t][j];
            shortAt[t][j] <== shortAt[t][j + 1] * rho + short[t][j];
        }
        longValue[t] <== longAt[t][0] * quantityPlus[t];
        value[t] <== longValue[t] - shortAt[t][0] * quantityMinus[t];
        muPower[t] = PowBits(WIDTH_GROUP());
        muPower[t].base <== mu;
        muPower[t].bits <== groupBits[t];
        term[t] <== muPower[t].out * value[t];
        marginSum += term[t];
        firstLong[t] <== long[t][0] * quantityPlus[t];
        firstValue[t] <== firstLong[t] - short[t][0] * quantityMinus[t];
        derivativeTerm[t] <== (1 - isSpot[t]) * firstValue[t];
        derivativeSum += derivativeTerm[t];
        lotsTerm[t] <== (1 - isSpot[t]) * (quantityPlus[t] + quantityMinus[t]);
        lotsSum += lotsTerm[t];

        plus[t] = Fraction();
        plus[t].numerator <== quantityPlus[t];
        plus[t].denominator <== delta - id;
        minus[t] = Fraction();
        minus[t].numerator <== quantityMinus[t];
        minus[t].denominator <== delta - id;
        plusSum += plus[t].out;
        minusSum += minus[t].out;

        idAt1[t] <== id * alpha[1];
        metaAt2[t] <== meta[t] * alpha[2];
        marketAt3[t] <== market[t] * alpha[3];
        row[t] = Fraction();
        row[t].numerator <== -multiplicity[t];
        row[t].denominator <== gamma - (BUS_MARKET() + idAt1[t] + metaAt2[t] + marketAt3[t]);
        facts += row[t].out;
    }
    margin <== marginSum;
    derivative <== derivativeSum;
    derivativeLots <== lotsSum;
    polesPlus <== plusSum;
    polesMinus <== minusSum;
    sum <== facts;
}
