pragma circom 2.2.0;

include "comparators.circom";
include "../lib/range.circom";
include "../lib/protocol.circom";

// spec 5.9. What a block shows in which its owner's request is not served in full, or closes positions.
// Statement: if `short`, no more could be had: of spot the block holds none; or its health, with the true least value of each group,
// or its own money, is exhausted. If `close`, the block ends without derivatives, or `most` rows closed some of them, or it has less
// than nothing of its own and no row closed any. Only a close request authorises closing rows, of an account that does nothing else.
// Rows may name one position more than once only if they close it on request or deleverage the block: either way it only shrinks (relief).
template ServedRequest(most) {
    var P = BOUND_POSITIONS();
    var G = BOUND_GROUPS();
    signal input short;                 // a bit
    signal input close;                 // a bit, never with short
    signal input asset;                 // of what is short, else 0
    signal input floor;                 // health below which a lot more could be too much; 0 for cash
    signal input byHealth;              // 1: health is exhausted; 0: own money is
    signal input idle;                  // 1: a close request of an account without money of its own
    signal input equity;                // health in the stated group margins
    signal input ownMoney;
    signal input slack[G];              // of each group, one that occurs among its scenarios
    signal input newId[P];
    signal input derivativeLots;
    signal input busy;                  // rows and operations that change it otherwise, and what the fund pays into it
    signal input closings;              // rows that close its positions
    signal input deleveraged;           // a bit: rows deleverage it
    signal input more[P];               // rows that name a position, beyond the first

    signal output word;                 // asset, floor, closings, more

    component bit[2];
    for (var i = 0; i < 2; i++) { bit[i] = Bit(); }
    bit[0].in <== byHealth;
    bit[1].in <== idle;
    idle * (1 - close) === 0;

    component assetRange = Range(WIDTH_INSTRUMENT());
    assetRange.in <== asset;
    component floorRange = Range(WIDTH_MARKET() + 1);
    floorRange.in <== floor;
    component isCash = IsZero();
    isCash.in <== asset;
    signal difference[P];
    difference[0] <== asset - newId[0];
    for (var j = 1; j < P; j++) { difference[j] <== difference[j - 1] * (asset - newId[j]); }
    component isHeld = IsZero();
    isHeld.in <== difference[P - 1];
    signal isGone <== (1 - isCash.out) * (1 - isHeld.out);

    // Of cash an atom more takes health and own money below 0; of spot, that takes none of the account's own money, a lot more could take
    // health below 0, or own money is below 0 already. |health| < 2^67, |own money| < 2^84.
    signal exhausts <== short * (1 - isGone);
    signal byStatedHealth <== exhausts * byHealth;
    for (var g = 0; g < G; g++) { byStatedHealth * slack[g] === 0; }
    close * byHealth === 0;
    signal ofHealth <== byHealth * (equity - floor);
    signal ofOwnMoney <== (1 - byHealth) * ownMoney;
    component exhausted = Range(86);
    exhausted.in <== (exhausts + idle) * -(ofHealth + ofOwnMoney + 1 - isCash.out + close);

    component closingRange = Range(WIDTH_MULTIPLICITY());
    closingRange.in <== closings;
    (1 - close) * closings === 0;
    idle * closings === 0;
    closings * busy === 0;
    signal unfinished <== (close - idle) * derivativeLots;
    unfinished * (most - closings) === 0;
    component moreRange[P];
    var sum = 0;
    var packed = 0;
    for (var j = 0; j < P; j++) {
        moreRange[j] = Range(4);
        moreRange[j].in <== more[j];
        sum += more[j];
        packed += more[j] * 2 ** (4 * j);
    }
    signal once <== (1 - close) * (1 - deleveraged);
    once * sum === 0;

    word <== asset + floor * 2 ** 18 + closings * 2 ** 55 + packed * 2 ** 63;
}
