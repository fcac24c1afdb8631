pragma circom 2.2.0;

include "poseidon.circom";
include "comparators.circom";
include "../lib/range.circom";
include "../lib/quad.circom";
include "../lib/fraction.circom";
include "../lib/protocol.circom";
include "positions.circom";
include "leaf.circom";

// spec 5.3. One step of one account from its old to its new leaf under the running root.
// Statement: static fields are equal in both leaves; the old leaf (0 if isNew) is at `account` under rootIn and the new leaf
// under rootOut; contents are canonical and range-checked; the stated slacks and group margins make it healthy
// (that they are the true ones is BlockMargin's part), unless it is on the mend, which Relief then proves.
template AccountBlock() {
    var P = BOUND_POSITIONS();
    var G = BOUND_GROUPS();
    var S = BOUND_SCENARIOS();
    var D = DEPTH_ACCOUNT();

    signal input rootIn;
    signal input used;
    signal input isNew;
    signal input account;
    signal input owner;
    signal input keyX;
    signal input keyY;
    signal input viewKey;
    signal input siblings[D][3];
    signal input oldVersion;
    signal input oldCash;               // biased by 2^63
    signal input oldOrderRoot;
    signal input oldId[P];
    signal input oldMagnitude[P];
    signal input oldNegative[P];
    signal input newCash;               // biased by 2^63
    signal input newOrderRoot;
    signal input newId[P];
    signal input newMagnitude[P];
    signal input newNegative[P];
    signal input group[G];
    signal input groupMargin[G];        // biased by 2^65
    signal input slack[G][S];
    signal input derivative[3];         // biased by 2^83: scenarios 0..2 of what is held other than spot
    signal input keyMultiplicity[2];    // rows that are not, and that are, withdrawals
    signal input accountMultiplicity;
    signal input fundMultiplicity;      // 1 if the block shows the fund's cash
    signal input counterMultiplicity;   // deleveragings of other blocks that close some of its positions
    signal input positionMultiplicity[P]; // 1 where a forced row closes some of an old position
    signal input derivativeLots;        // sum of the sizes held other than spot
    signal input requested;             // 1 if an L1 request names the block,
    signal input requestPays;           // if it is paid something,
    signal input short;                 // if it is its owner's and paid less than asked: 0 where there is no ServedRequest,
    signal input close;                 // if it is its owner's, to close: likewise
    signal input mends;                 // 1 if the block may end below its requirement: a bit, 0 where there is no Relief

    signal output rootOut;
    signal output newLeaf;
    signal output cipher[6];
    signal output viewKeyHash;
    signal output word;                 // blockWord of spec 5.7
    signal output packedSlack[G][S \ 3];
    signal output packedDerivative;     // of the biased limbs
    signal output groupBits[G][WIDTH_GROUP()];
    signal output cashChange;
    signal output equity;               // cash + sum of group margins: what health asks to be >= 0
    signal output markEquity;           // cash + sum of E[g][0]
    signal output ownMoney;             // cash + value of what is held other than spot
    signal output touched;              // signed rows, operations that change something, and closings of others that name the block
    signal output oldSize[P];
    signal output oldMinus[P];
    signal output newSize[P];
    signal output minus[P];

    component usedBit = Bit();
    usedBit.in <== used;
    component newBit = Bit();
    newBit.in <== isNew;

    // Old contents.
    component oldVersionRange = Range(WIDTH_VERSION());
    oldVersionRange.in <== oldVersion;
    component oldCashRange = Range(WIDTH_CASH());
    oldCashRange.in <== oldCash;
    component oldPositions = Positions();
    oldPositions.id <== oldId;
    oldPositions.magnitude <== oldMagnitude;
    oldPositions.negative <== oldNegative;
    oldSize <== oldPositions.size;
    oldMinus <== oldPositions.minus;

    // New contents.
    signal newVersion <== oldVersion + used;
    component newVersionRange = Range(WIDTH_VERSION());
    newVersionRange.in <== newVersion;
    component newCashRange = Range(WIDTH_CASH());
    newCashRange.in <== newCash;
    component newPositions = Positions();
    newPositions.id <== newId;
    newPositions.magnitude <== newMagnitude;
    newPositions.negative <== newNegative;
    component ordered = OrderedPositions();
    ordered.id <== newId;
    ordered.magnitude <== newMagnitude;
    ordered.negative <== newNegative;
    newSize <== newPositions.size;
    minus <== newPositions.minus;
    cashChange <== newCash - oldCash;

    // 5.3.2: a zero leaf binds nothing, so everything claimed about it is fixed here.
    isNew * oldVersion === 0;
    isNew * (oldCash - 2 ** 63) === 0;
    isNew * (oldOrderRoot - EMPTY_ORDER_ROOT()) === 0;
    for (var e = 0; e < P \ 4; e++) { isNew * oldPositions.packed[e] === 0; }

    // Leaves, path.
    component oldHash = LeafHash();
    oldHash.owner <== owner;
    oldHash.keyX <== keyX;
    oldHash.keyY <== keyY;
    oldHash.viewKey <== viewKey;
    oldHash.versionCash <== oldCash + oldVersion * 2 ** 64;
    oldHash.orderRoot <== oldOrderRoot;
    oldHash.packed <== oldPositions.packed;
    component newHash = LeafHash();
    newHash.owner <== owner;
    newHash.keyX <== keyX;
    newHash.keyY <== keyY;
    newHash.viewKey <== viewKey;
    newHash.versionCash <== newCash + newVersion * 2 ** 64;
    newHash.orderRoot <== newOrderRoot;
    newHash.packed <== newPositions.packed;
    newLeaf <== newHash.out;
    signal oldLeaf <== (1 - isNew) * oldHash.out;
    (1 - used) * (newLeaf - oldLeaf) === 0;

    component accountBits = Num2Bits(WIDTH_ACCOUNT());
    accountBits.in <== account;
    component path = QuadUpdate(D);
    path.oldLeaf <== oldLeaf;
    path.newLeaf <== newLeaf;
    path.bits <== accountBits.out;
    path.siblings <== siblings;
    path.oldRoot === rootIn;
    rootOut <== path.newRoot;

    component encrypt = EncryptLeaf();
    encrypt.viewKey <== viewKey;
    encrypt.leaf <== newLeaf;
    encrypt.versionCash <== newCash + newVersion * 2 ** 64;
    encrypt.orderRoot <== newOrderRoot;
    encrypt.packed <== newPositions.packed;
    cipher <== encrypt.cipher;
    component viewHash = Poseidon(1);
    viewHash.inputs[0] <== viewKey;
    viewKeyHash <== viewHash.out;

    // Health (5.5). |m| < 2^65, |cash| < 2^63: the sum is within +-2^67.
    component marginRange[G];
    component slackRange[G][S];
    component groupRange[G];
    var health = newCash - 2 ** 63;
    var first = 0;
    for (var g = 0; g < G; g++) {
        groupRange[g] = Num2Bits(WIDTH_GROUP());
        groupRange[g].in <== group[g];
        groupBits[g] <== groupRange[g].out;
        marginRange[g] = Range(WIDTH_GROUP_MARGIN());
        marginRange[g].in <== groupMargin[g];
        health += groupMargin[g] - 2 ** 65;
        first += slack[g][0];
        for (var s = 0; s < S; s++) {
            slackRange[g][s] = Range(WIDTH_SLACK());
            slackRange[g][s].in <== slack[g][s];
        }
        for (var j = 0; j < S \ 3; j++) {
            packedSlack[g][j] <== slack[g][3 * j] + slack[g][3 * j + 1] * 2 ** 84 + slack[g][3 * j + 2] * 2 ** 168;
        }
    }
    component ascending = Range(WIDTH_GROUP());
    ascending.in <== group[1] - group[0] - 1;
    component healthy = Range(68);
    healthy.in <== (1 - mends) * health;
    equity <== health;
    markEquity <== health + first;

    component multiplicityRange[4];
    for (var i = 0; i < 4; i++) { multiplicityRange[i] = Range(WIDTH_MULTIPLICITY()); }
    multiplicityRange[0].in <== keyMultiplicity[0];
    multiplicityRange[1].in <== keyMultiplicity[1];
    multiplicityRange[2].in <== accountMultiplicity;
    multiplicityRange[3].in <== counterMultiplicity;
    touched <== keyMultiplicity[0] + keyMultiplicity[1] + accountMultiplicity + counterMultiplicity + requestPays;
    component requestBit[4];
    for (var i = 0; i < 4; i++) { requestBit[i] = Bit(); }
    requestBit[0].in <== requested;
    requestBit[1].in <== requestPays;
    requestBit[2].in <== short;
    requestBit[3].in <== close;
    // Without a request nothing is authorised; the other bits only ask more of the block.
    (1 - requested) * close === 0;
    component fundBit = Bit();
    fundBit.in <== fundMultiplicity;
    component positionBit[P];
    var positionBits = 0;
    for (var j = 0; j < P; j++) {
        positionBit[j] = Bit();
        positionBit[j].in <== positionMultiplicity[j];
        positionBits += positionMultiplicity[j] * 2 ** j;
    }
    // 16 sizes below 2^44.
    component lotsRange = Range(48);
    lotsRange.in <== derivativeLots;

    // 5.5: an account that withdraws ends with its own money: cash, which holds the notional of its derivatives, and their value
    // are together not negative, so that spot collateral never turns into other users' cash. |cash + value| < 2^84.
    component derivativeRange[3];
    var packed = 0;
    for (var i = 0; i < 3; i++) {
        derivativeRange[i] = Range(WIDTH_RISK_LIMB());
        derivativeRange[i].in <== derivative[i];
        packed += derivative[i] * 2 ** (84 * i);
    }
    packedDerivative <== packed;
    ownMoney <== newCash - 2 ** 63 + derivative[0] - 2 ** 83;
    component withdrawsNothing = IsZero();
    withdrawsNothing.in <== keyMultiplicity[1] + requestPays;
    component ownMoneyRange = Range(85);
    ownMoneyRange.in <== (1 - withdrawsNothing.out) * ownMoney;
    mends * (1 - withdrawsNothing.out) === 0;

    word <== used + isNew * 2 + group[0] * 2 ** 2 + group[1] * 2 ** 6 + keyMultiplicity[0] * 2 ** 10
        + keyMultiplicity[1] * 2 ** 18 + accountMultiplicity * 2 ** 26 + groupMargin[0] * 2 ** 34 + groupMargin[1] * 2 ** 100
        + derivativeLots * 2 ** 166 + positionBits * 2 ** 214 + fundMultiplicity * 2 ** 230 + counterMultiplicity * 2 ** 231
        + requested * 2 ** 239 + requestPays * 2 ** 240 + short * 2 ** 241 + close * 2 ** 242;
}

// spec 5.5, the block's side of both identities:
// margin = sum_g mu^g sum_j rho^j packE[g][j];  poles = sum_slots q / (delta - id), once for q+ and once for q-.
template BlockMargin() {
    var P = BOUND_POSITIONS();
    var G = BOUND_GROUPS();
    var J = BOUND_SCENARIOS() \ 3;
    signal input mu[WIDTH_GROUP()];     // mu^(2^i)
    signal input rho;
    signal input delta;
    signal input groupBits[G][WIDTH_GROUP()];
    signal input groupMargin[G];        // biased
    signal input packedSlack[G][J];
    signal input id[P];
    signal input size[P];
    signal input minus[P];
    signal output groupPower[G];        // mu^group
    signal output margin;
    signal output polesPlus;
    signal output polesMinus;

    component muPower[G];
    signal horner[G][J];
    signal term[G];
    var sum = 0;
    for (var g = 0; g < G; g++) {
        muPower[g] = PowBits(WIDTH_GROUP());
        muPower[g].base <== mu;
        muPower[g].bits <== groupBits[g];
        var m = (groupMargin[g] - 2 ** 65) * (1 + 2 ** 84 + 2 ** 168);
        horner[g][J - 1] <== packedSlack[g][J - 1] + m;
        for (var j = J - 2; j >= 0; j--) { horner[g][j] <== horner[g][j + 1] * rho + packedSlack[g][j] + m; }
        groupPower[g] <== muPower[g].out;
        term[g] <== horner[g][0] * muPower[g].out;
        sum += term[g];
    }
    margin <== sum;

    component plus[P];
    component short[P];
    var plusSum = 0;
    var minusSum = 0;
    for (var j = 0; j < P; j++) {
        plus[j] = Fraction();
        plus[j].numerator <== size[j] + minus[j];
        plus[j].denominator <== delta - id[j];
        short[j] = Fraction();
        short[j].numerator <== minus[j];
        short[j].denominator <== delta - id[j];
        plusSum += plus[j].out;
        minusSum += short[j].out;
    }
    polesPlus <== plusSum;
    polesMinus <== minusSum;
}

// spec 5.6, the facts of block `number` (1..K).
template BlockFacts(number) {
    var P = BOUND_POSITIONS();
    signal input alpha[7];              // alpha^0..alpha^6
    signal input gamma;
    signal input isNew;
    signal input account;
    signal input owner;
    signal input keyX;
    signal input keyY;
    signal input viewKeyHash;
    signal input oldOrderRoot;
    signal input newOrderRoot;
    signal input cashChange;
    signal input oldId[P];
    signal input oldSize[P];
    signal input newId[P];
    signal input newSize[P];
    signal input keyMultiplicity[2];
    signal input accountMultiplicity;
    signal input fundMultiplicity;
    signal input counterMultiplicity;
    signal input newCash;
    signal input positionMultiplicity[P];
    signal input requested;
    signal input requestFlags;
    signal input shortAsset;
    signal input shortFloor;
    signal output sum;

    var total = 0;
    var block = number * alpha[2];

    // change: -(new - old); conserve: +(new - old). Cash is instrument 0.
    component change[2 * P + 1];
    component conserve[2 * P + 1];
    signal instrument[2 * P + 1];
    for (var i = 0; i < 2 * P + 1; i++) {
        var id = 0;
        var difference = cashChange;
        if (i < P) { id = oldId[i]; difference = -oldSize[i]; }
        if (i >= P && i < 2 * P) { id = newId[i - P]; difference = newSize[i - P]; }
        instrument[i] <== id * alpha[1];
        change[i] = Fraction();
        change[i].numerator <== -difference;
        change[i].denominator <== gamma - (BUS_CHANGE() + instrument[i] + block);
        conserve[i] = Fraction();
        conserve[i].numerator <== difference;
        conserve[i].denominator <== gamma - (BUS_CONSERVE() + instrument[i]);
        total += change[i].out + conserve[i].out;
    }

    // key, account, register
    signal accountAt1 <== account * alpha[1];
    signal ownerAt2 <== owner * alpha[2];
    signal ownerAt5 <== owner * alpha[5];
    signal keyXAt3 <== keyX * alpha[3];
    signal keyYAt4 <== keyY * alpha[4];
    signal viewAt5 <== viewKeyHash * alpha[5];
    component key[2];
    for (var w = 0; w < 2; w++) {
        key[w] = Fraction();
        key[w].numerator <== -keyMultiplicity[w];
        key[w].denominator <== gamma - (BUS_KEY() + accountAt1 + block + keyXAt3 + keyYAt4 + ownerAt5 + w * alpha[6]);
        total += key[w].out;
    }
    component named = Fraction();
    named.numerator <== -accountMultiplicity;
    named.denominator <== gamma - (BUS_ACCOUNT() + accountAt1 + block);
    component register = Fraction();
    register.numerator <== -isNew;
    register.denominator <== gamma - (BUS_REGISTER() + accountAt1 + ownerAt2 + keyXAt3 + keyYAt4 + viewAt5);
    total += named.out + register.out;

    // position: what forced rows say of old positions; fund: the cash that the fund's block ends with; forced: its deleveragings
    // as a counterparty
    component position[P];
    signal sizeAt3[P];
    for (var j = 0; j < P; j++) {
        sizeAt3[j] <== oldSize[j] * alpha[3];
        position[j] = Fraction();
        position[j].numerator <== -positionMultiplicity[j];
        position[j].denominator <== gamma - (BUS_POSITION() + instrument[j] + block + sizeAt3[j]);
        total += position[j].out;
    }
    signal cashAt3 <== newCash * alpha[3];
    component fund = Fraction();
    fund.numerator <== -fundMultiplicity;
    fund.denominator <== gamma - (BUS_FUND() + accountAt1 + block + cashAt3);
    component counter = Fraction();
    counter.numerator <== -counterMultiplicity;
    counter.denominator <== gamma - (BUS_FORCED() + 2 * alpha[1] + block);
    signal ownerAt3 <== owner * alpha[3];
    signal flagsAt4 <== requestFlags * alpha[4];
    signal shortAssetAt5 <== shortAsset * alpha[5];
    signal shortFloorAt6 <== shortFloor * alpha[6];
    component request = Fraction();
    request.numerator <== -requested;
    request.denominator <== gamma - (BUS_REQUEST() + accountAt1 + block + ownerAt3 + flagsAt4 + shortAssetAt5 + shortFloorAt6);
    total += fund.out + counter.out + request.out;

    // slots: + old root, - new root
    signal oldSlots <== oldOrderRoot * alpha[1];
    signal newSlots <== newOrderRoot * alpha[1];
    component before = Fraction();
    before.numerator <== 1;
    before.denominator <== gamma - (BUS_SLOTS() + oldSlots + block);
    component after = Fraction();
    after.numerator <== -1;
    after.denominator <== gamma - (BUS_SLOTS() + newSlots + block);
    total += before.out + after.out;

    sum <== total;
}
