pragma circom 2.2.0;

include "comparators.circom";
include "../lib/range.circom";
include "../lib/protocol.circom";

// spec 5.8. What a block must show of its old leaf to end below its requirement (mends), to be liquidated or deleveraged
// (forced rows name it), or to be paid by the insurance fund.
// Statement, if `relief`: the old leaf was below its requirement in the scenarios picked; every position only shrank; a block that
// mends asks no more than before and, unless forced, gave away at most a tenth of what it released; a forced block was below
// maintenance, did nothing of its own, is nobody's counterparty, and its closing costs no more maintenance than it releases; a
// liquidated one ends without derivatives and with the spot it had, or with at most the buffer above maintenance; a deleveraged one was
// insolvent beyond what the fund holds and stays so; a paid one ends with nothing at all.
// Old values E[g][s] are stated packed; that they are the true ones is ReliefMargin's part. Widths: |E| < 2^83, |cash| < 2^63.
template Relief() {
    var P = BOUND_POSITIONS();
    var G = BOUND_GROUPS();
    var S = BOUND_SCENARIOS();
    var J = S \ 3;
    var BIAS = 2 ** 83 * (1 + 2 ** 84 + 2 ** 168);

    signal input relief;
    signal input mends;
    signal input oldCash;               // biased by 2^63
    signal input newCash;               // biased by 2^63
    signal input oldMagnitude[P];
    signal input newFirstMagnitude;     // 0 if the new leaf has no positions: free slots are last
    signal input newEquity;             // cash + sum of group margins, at most the true health
    signal input newMarkEquity;
    signal input slack[G][S];
    signal input derivativeLots;
    signal input oldDerivativeLots;
    signal input touched;               // signed rows, operations, and deleveragings of others that name it
    signal input lost[P];               // lots that each old position lost
    signal input packed[G][J];          // E of the old leaf, three scenarios an element
    signal input element[G][J];         // one-hot: where the scenario picked stands
    signal input limb[G][3];            // one-hot: which of the element's three
    signal input newSlack[G];           // the slack of the new leaf in the scenario picked there
    signal input forcedMultiplicity[2]; // rows that liquidate, and that deleverage, this block
    signal input payment;
    signal input fundEnabled;
    signal input fundCash;              // biased by 2^63

    signal output word;
    signal output deleveraged;
    signal output deficit;              // what the old leaf lacked at the mark
    signal output packedLost[4];
    signal output kept[P];

    component bit[2];
    for (var i = 0; i < 2; i++) { bit[i] = Bit(); }
    bit[0].in <== relief;
    bit[1].in <== mends;
    mends * (1 - relief) === 0;
    component multiplicityRange[2];
    component none[2];
    for (var i = 0; i < 2; i++) {
        multiplicityRange[i] = Range(WIDTH_MULTIPLICITY());
        multiplicityRange[i].in <== forcedMultiplicity[i];
        none[i] = IsZero();
        none[i].in <== forcedMultiplicity[i];
    }
    // What counterparties give must not make good what a liquidation in the same step pays away.
    forcedMultiplicity[0] * forcedMultiplicity[1] === 0;
    signal unforced <== none[0].out * none[1].out;
    signal liquidated <== 1 - none[0].out;
    deleveraged <== 1 - none[1].out;
    component paymentRange = Range(WIDTH_FEE());
    paymentRange.in <== payment;
    component unpaid = IsZero();
    unpaid.in <== payment;
    signal paid <== 1 - unpaid.out;

    // Old values: the sum over groups in scenario 0, and of each group the scenario picked.
    var base0 = 0;
    for (var g = 0; g < G; g++) { base0 += packed[g][0]; }
    component baseBits = Num2Bits(252);
    baseBits.in <== base0 + BIAS;
    var first = 0;
    for (var i = 0; i < 84; i++) { first += baseBits.out[i] * 2 ** i; }
    component pickedBits[G];
    signal pickedElement[G][J];
    signal pickedLimb[G][3];
    var worst = 0;
    for (var g = 0; g < G; g++) {
        var ones = 0;
        var value = 0;
        for (var j = 0; j < J; j++) {
            element[g][j] * (element[g][j] - 1) === 0;
            pickedElement[g][j] <== element[g][j] * packed[g][j];
            ones += element[g][j];
            value += pickedElement[g][j];
        }
        ones === 1;
        pickedBits[g] = Num2Bits(252);
        pickedBits[g].in <== value + BIAS;
        ones = 0;
        for (var i = 0; i < 3; i++) {
            limb[g][i] * (limb[g][i] - 1) === 0;
            var part = 0;
            for (var b = 0; b < 84; b++) { part += pickedBits[g].out[84 * i + b] * 2 ** b; }
            pickedLimb[g][i] <== limb[g][i] * (part - 2 ** 83);
            ones += limb[g][i];
            worst += pickedLimb[g][i];
        }
        ones === 1;
    }
    // |.| < 2^85 each; five times below 2^88.
    signal oldMark <== oldCash - 2 ** 63 + first - 2 ** 83;
    signal oldHealth <== oldCash - 2 ** 63 + worst;
    deficit <== -oldMark;
    var oldRequirement = oldMark - oldHealth;
    var newRequirement = newMarkEquity - newEquity;
    var maintenance = (SCALE_MAINTENANCE_DENOMINATOR() - SCALE_MAINTENANCE_WEIGHT()) * oldMark + SCALE_MAINTENANCE_WEIGHT() * oldHealth;

    // Shrinking: kept = old - lost, lost in 0..2^44-1, bound before delta; the poles say that kept is what the new leaf holds, split by
    // the old sign, and a new leaf's sizes are not negative: so 0 <= kept <= old.
    component lostRange[P];
    for (var j = 0; j < P; j++) {
        lostRange[j] = Range(WIDTH_POSITION_SIZE());
        lostRange[j].in <== lost[j];
        kept[j] <== oldMagnitude[j] - lost[j];
    }
    for (var e = 0; e < 4; e++) {
        var sum = 0;
        for (var i = 0; i < 5; i++) { if (5 * e + i < P) { sum += lost[5 * e + i] * 2 ** (44 * i); } }
        packedLost[e] <== sum;
    }

    component below = Range(88);
    below.in <== relief * (-oldHealth - 1);
    signal released <== oldRequirement - newRequirement;
    component asksNoMore = Range(88);
    asksNoMore.in <== mends * released;
    signal mendsAlone <== mends * unforced;
    component givesLittle = Range(92);
    givesLittle.in <== mendsAlone * (released - SCALE_MEND_SHARE() * (oldMark - newMarkEquity));

    // Forced.
    (1 - unforced) * (1 - relief) === 0;
    (1 - unforced) * touched === 0;
    component distressed = Range(90);
    distressed.in <== (1 - unforced) * (-maintenance - 1);
    // A slack that stands at some scenario of the new leaf, so that its value there is not below the true worst.
    signal product[G][S];
    var newPicked = 0;
    for (var g = 0; g < G; g++) {
        product[g][0] <== slack[g][0] - newSlack[g];
        for (var s = 1; s < S; s++) { product[g][s] <== product[g][s - 1] * (slack[g][s] - newSlack[g]); }
        product[g][S - 1] === 0;
        newPicked += newSlack[g];
    }
    // Closing every derivative needs no bound; selling spot always does: what was lost beyond derivatives is spot. Neither count is negative.
    var spotLost = derivativeLots - oldDerivativeLots;
    for (var j = 0; j < P; j++) { spotLost += lost[j]; }
    component onlySpot = IsZero();
    onlySpot.in <== derivativeLots + spotLost;
    signal bounded <== liquidated * (1 - onlySpot.out);
    var newMaintenance = (SCALE_MAINTENANCE_DENOMINATOR() - SCALE_MAINTENANCE_WEIGHT()) * newMarkEquity + SCALE_MAINTENANCE_WEIGHT() * newEquity;
    var surplus = newMaintenance + SCALE_MAINTENANCE_WEIGHT() * newPicked;
    component notTooFar = Range(94);
    notTooFar.in <== bounded * (SCALE_MAINTENANCE_DENOMINATOR() * (SCALE_LIQUIDATION_BUFFER_SHARE() * SCALE_LIQUIDATION_BUFFER() + oldRequirement)
        - SCALE_LIQUIDATION_BUFFER_SHARE() * surplus);
    // Closing costs at most the maintenance that it releases; what the fund pays is not the account's. |.| < 5 x 2^85 each, and 5 x 2^60.
    component notTooDear = Range(90);
    notTooDear.in <== (1 - unforced) * (newMaintenance - SCALE_MAINTENANCE_DENOMINATOR() * payment - maintenance);
    deleveraged * (1 - fundEnabled) === 0;
    component insolvent = Range(88);
    insolvent.in <== deleveraged * (deficit - 1);
    component beyondFund = Range(88);
    beyondFund.in <== deleveraged * (deficit - (fundCash - 2 ** 63) - 1);
    component staysInsolvent = Range(88);
    staysInsolvent.in <== deleveraged * (-newMarkEquity);

    // Paid: exactly what it lacks, and it ends with nothing.
    paid * (1 - relief) === 0;
    paid * touched === 0;
    paid * (newCash - 2 ** 63) === 0;
    paid * newFirstMagnitude === 0;

    word <== relief + mends * 2 + forcedMultiplicity[0] * 2 ** 2 + forcedMultiplicity[1] * 2 ** 10 + payment * 2 ** 18;
}

// spec 5.8, the old leaf's side of the identities of 5.5, and the tie between `kept` and the new leaf.
template ReliefMargin() {
    var P = BOUND_POSITIONS();
    var G = BOUND_GROUPS();
    var J = BOUND_SCENARIOS() \ 3;
    signal input shrinks;               // 1 if the block must not hold more of anything than before
    signal input muPower[G];
    signal input rho;
    signal input delta;
    signal input packed[G][J];
    signal input id[P];
    signal input size[P];
    signal input minus[P];
    signal input negative[P];
    signal input kept[P];
    signal input newPolesPlus;
    signal input newPolesMinus;
    signal output margin;
    signal output polesPlus;
    signal output polesMinus;

    signal horner[G][J];
    signal term[G];
    var sum = 0;
    for (var g = 0; g < G; g++) {
        horner[g][J - 1] <== packed[g][J - 1];
        for (var j = J - 2; j >= 0; j--) { horner[g][j] <== horner[g][j + 1] * rho + packed[g][j]; }
        term[g] <== horner[g][0] * muPower[g];
        sum += term[g];
    }
    margin <== sum;

    // delta is drawn after the ids: no denominator is 0 except with negligible probability.
    signal inverse[P];
    signal keptMinus[P];
    signal plusPole[P];
    signal minusPole[P];
    signal keptPlusPole[P];
    signal keptMinusPole[P];
    var plusSum = 0;
    var minusSum = 0;
    var keptPlusSum = 0;
    var keptMinusSum = 0;
    for (var j = 0; j < P; j++) {
        inverse[j] <-- 1 / (delta - id[j]);
        inverse[j] * (delta - id[j]) === 1;
        plusPole[j] <== (size[j] + minus[j]) * inverse[j];
        minusPole[j] <== minus[j] * inverse[j];
        keptMinus[j] <== kept[j] * negative[j];
        keptPlusPole[j] <== (kept[j] - keptMinus[j]) * inverse[j];
        keptMinusPole[j] <== keptMinus[j] * inverse[j];
        plusSum += plusPole[j];
        minusSum += minusPole[j];
        keptPlusSum += keptPlusPole[j];
        keptMinusSum += keptMinusPole[j];
    }
    polesPlus <== plusSum;
    polesMinus <== minusSum;
    shrinks * (keptPlusSum - newPolesPlus) === 0;
    shrinks * (keptMinusSum - newPolesMinus) === 0;
}
