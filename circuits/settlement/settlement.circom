pragma circom 2.2.0;

include "poseidon.circom";
include "../lib/range.circom";
include "../lib/sponge.circom";
include "../lib/fraction.circom";
include "../lib/protocol.circom";
include "account_block.circom";
include "signed_row.circom";
include "relief.circom";
include "request.circom";
include "forced_row.circom";
include "operation.circom";
include "bind_data.circom";
include "../risk/open_bucket.circom";

// Q of row t: sum over leaves k of weight k times what they hold of id t. Witness only; BucketFacts' poles constrain it.
// A bucket that is opened twice has its quantities at its first place.
function heldQuantity(K, B, P, b, t, buckets, ids, quantities, weight) {
    var sum = 0;
    for (var e = 0; e < b; e++) { if (buckets[e] == buckets[b]) { return 0; } }
    var id = buckets[b] * 16 + t;
    for (var k = 0; k < K; k++) {
        for (var j = 0; j < P; j++) {
            if (ids[k][j] == id) { sum += weight[k] * quantities[k][j]; }
        }
    }
    return sum;
}

// spec 5. K account blocks, N signed rows, L operations, B risk buckets, U forced rows, R blocks with relief: the first ones.
template Settlement(K, N, L, B, U, R) {
    var P = BOUND_POSITIONS();
    var G = BOUND_GROUPS();
    var S = BOUND_SCENARIOS();
    var J = S \ 3;
    var T = BOUND_ROWS_PER_BUCKET();
    var GB = WIDTH_GROUP();
    var n = 5 + 5 * L + N + 8 * K;

    // Public, in this order.
    signal output C;
    signal output y;
    signal input z;
    signal input riskRoot;

    // Header.
    signal input domain;
    signal input batch;
    signal input open;
    signal input close;
    signal input firstOperation;
    signal input operationCount;
    signal input oldRoot;
    signal input newRoot;
    signal input feeBlock;
    signal input feeEnabled;
    signal input fundBlock;
    signal input fundEnabled;
    signal input fundCash;              // biased by 2^63: what the fund's block ends with
    signal input rankingRoot;

    // Blocks.
    signal input used[K];
    signal input isNew[K];
    signal input account[K];
    signal input owner[K];
    signal input keyX[K];
    signal input keyY[K];
    signal input viewKey[K];
    signal input siblings[K][DEPTH_ACCOUNT()][3];
    signal input oldVersion[K];
    signal input oldCash[K];
    signal input oldOrderRoot[K];
    signal input oldId[K][P];
    signal input oldMagnitude[K][P];
    signal input oldNegative[K][P];
    signal input newCash[K];
    signal input newOrderRoot[K];
    signal input newId[K][P];
    signal input newMagnitude[K][P];
    signal input newNegative[K][P];
    signal input group[K][G];
    signal input groupMargin[K][G];
    signal input slack[K][G][S];
    signal input derivative[K][3];
    signal input keyMultiplicity[K][2];
    signal input accountMultiplicity[K];
    signal input fundMultiplicity[K];
    signal input counterMultiplicity[K];
    signal input positionMultiplicity[K][P];
    signal input derivativeLots[K];
    signal input requested[K];
    signal input requestPays[K];

    // Relief of the first R blocks.
    signal input relief[R];
    signal input mends[R];
    signal input reliefLost[R][P];
    signal input reliefPacked[R][G][J];
    signal input reliefElement[R][G][J];
    signal input reliefLimb[R][G][3];
    signal input reliefNewSlack[R][G];
    signal input reliefDerivative[R];   // packed value of scenarios 0..2 of what the old leaf held other than spot
    signal input reliefDerivativeLots[R];
    signal input forcedMultiplicity[R][2];
    signal input payment[R];

    // Requests of the first R blocks that are not served in full, or close.
    signal input requestShort[R];
    signal input requestClose[R];
    signal input requestAsset[R];
    signal input requestFloor[R];
    signal input requestByHealth[R];
    signal input requestIdle[R];
    signal input closings[R];
    signal input positionMore[R][P];

    // Rows.
    signal input rowKindBit[N][2];
    signal input rowFlags[N];
    signal input rowSide[N];
    signal input rowInstrument[N];
    signal input rowAccount[N];
    signal input rowSlot[N];
    signal input rowSize[N];
    signal input rowLimit[N];
    signal input rowFeeRate[N];
    signal input rowExpiry[N];
    signal input rowNonce[N];
    signal input rowR8x[N];
    signal input rowR8y[N];
    signal input rowS[N];
    signal input rowBlock[N];
    signal input rowFill[N];
    signal input rowQuote[N];
    signal input rowFee[N];
    signal input rowKeyX[N];
    signal input rowKeyY[N];
    signal input rowOwner[N];
    signal input rowOldNonce[N];
    signal input rowOldFilled[N];
    signal input rowSlotSiblings[N][DEPTH_ORDER_SLOTS()][3];
    signal input rowMeta[N];
    signal input rowIndex[N];
    signal input rowBase[N];
    signal input rowFunding[N];
    signal input rowPriceBound[N];

    // Forced rows.
    signal input forcedKindBit[U][2];
    signal input forcedClosing[U];
    signal input forcedBlock[U];
    signal input forcedCounterBlock[U];
    signal input forcedInstrument[U];
    signal input forcedOldMagnitude[U];
    signal input forcedOldNegative[U];
    signal input forcedCounterMagnitude[U];
    signal input forcedFill[U];
    signal input forcedQuote[U];
    signal input forcedFee[U];
    signal input forcedDeficit[U];
    signal input forcedMeta[U];
    signal input forcedIndex[U];
    signal input forcedBase[U];
    signal input forcedFunding[U];
    signal input forcedPriceBound[U];

    // Operations.
    signal input opKind[L][4];
    signal input opAccount[L];
    signal input opAsset[L];
    signal input opAmount[L];
    signal input opOwner[L];
    signal input opKeyX[L];
    signal input opKeyY[L];
    signal input opViewKeyHash[L];
    signal input opBlock[L];
    signal input opActualOwner[L];
    signal input opUsesMarket[L];
    signal input opMeta[L];
    signal input opIndex[L];
    signal input opBase[L];
    signal input opFunding[L];
    signal input opPriceBound[L];

    // Opened risk rows.
    signal input bucket[B];
    signal input bucketSiblings[B][DEPTH_RISK_BUCKETS()][3];
    signal input meta[B][T];
    signal input market[B][T];
    signal input long[B][T][J];
    signal input short[B][T][J];
    signal input multiplicity[B][T];

    // --- State transition of every block, chained by root.
    component blocks[K];
    for (var k = 0; k < K; k++) {
        blocks[k] = AccountBlock();
        if (k == 0) { blocks[k].rootIn <== oldRoot; } else { blocks[k].rootIn <== blocks[k - 1].rootOut; }
        blocks[k].used <== used[k];
        blocks[k].isNew <== isNew[k];
        blocks[k].account <== account[k];
        blocks[k].owner <== owner[k];
        blocks[k].keyX <== keyX[k];
        blocks[k].keyY <== keyY[k];
        blocks[k].viewKey <== viewKey[k];
        blocks[k].siblings <== siblings[k];
        blocks[k].oldVersion <== oldVersion[k];
        blocks[k].oldCash <== oldCash[k];
        blocks[k].oldOrderRoot <== oldOrderRoot[k];
        blocks[k].oldId <== oldId[k];
        blocks[k].oldMagnitude <== oldMagnitude[k];
        blocks[k].oldNegative <== oldNegative[k];
        blocks[k].newCash <== newCash[k];
        blocks[k].newOrderRoot <== newOrderRoot[k];
        blocks[k].newId <== newId[k];
        blocks[k].newMagnitude <== newMagnitude[k];
        blocks[k].newNegative <== newNegative[k];
        blocks[k].group <== group[k];
        blocks[k].groupMargin <== groupMargin[k];
        blocks[k].slack <== slack[k];
        blocks[k].derivative <== derivative[k];
        blocks[k].keyMultiplicity <== keyMultiplicity[k];
        blocks[k].accountMultiplicity <== accountMultiplicity[k];
        blocks[k].fundMultiplicity <== fundMultiplicity[k];
        blocks[k].counterMultiplicity <== counterMultiplicity[k];
        blocks[k].positionMultiplicity <== positionMultiplicity[k];
        blocks[k].derivativeLots <== derivativeLots[k];
        blocks[k].requested <== requested[k];
        blocks[k].requestPays <== requestPays[k];
        if (k < R) {
            blocks[k].mends <== mends[k];
            blocks[k].short <== requestShort[k];
            blocks[k].close <== requestClose[k];
        } else {
            blocks[k].mends <== 0;
            blocks[k].short <== 0;
            blocks[k].close <== 0;
        }
    }
    newRoot === blocks[K - 1].rootOut;

    // --- A block that changes its account is the first of that account: it changes in one step, and what is read of its old leaf (relief, requests,
    // the fund) is read where all that the batch does to it is in the new one.
    signal apart[K * (K - 1) / 2];      // by block, the product of the distances to the accounts of the blocks before
    component repeats[K];
    for (var k = 1; k < K; k++) {
        var first = k * (k - 1) / 2;
        apart[first] <== account[k] - account[0];
        for (var j = 1; j < k; j++) { apart[first + j] <== apart[first + j - 1] * (account[k] - account[j]); }
        repeats[k] = IsZero();
        repeats[k].in <== apart[first + k - 1];
        used[k] * repeats[k].out === 0;
    }

    // --- Relief.
    component reliefs[R];
    var payments = 0;
    for (var k = 0; k < R; k++) {
        reliefs[k] = Relief();
        reliefs[k].relief <== relief[k];
        reliefs[k].mends <== mends[k];
        reliefs[k].oldCash <== oldCash[k];
        reliefs[k].newCash <== newCash[k];
        reliefs[k].oldMagnitude <== oldMagnitude[k];
        reliefs[k].newFirstMagnitude <== newMagnitude[k][0];
        reliefs[k].newEquity <== blocks[k].equity;
        reliefs[k].newMarkEquity <== blocks[k].markEquity;
        reliefs[k].slack <== slack[k];
        reliefs[k].derivativeLots <== derivativeLots[k];
        reliefs[k].oldDerivativeLots <== reliefDerivativeLots[k];
        reliefs[k].touched <== blocks[k].touched;
        reliefs[k].lost <== reliefLost[k];
        reliefs[k].packed <== reliefPacked[k];
        reliefs[k].element <== reliefElement[k];
        reliefs[k].limb <== reliefLimb[k];
        reliefs[k].newSlack <== reliefNewSlack[k];
        reliefs[k].forcedMultiplicity <== forcedMultiplicity[k];
        reliefs[k].payment <== payment[k];
        reliefs[k].fundEnabled <== fundEnabled;
        reliefs[k].fundCash <== fundCash;
        payments += payment[k];
    }

    // --- Requests.
    component served[R];
    for (var k = 0; k < R; k++) {
        // A batch never closes more rows of one block than it has, nor against more blocks than there are others.
        served[k] = ServedRequest(U < K - 1 ? U : K - 1);
        served[k].short <== requestShort[k];
        served[k].close <== requestClose[k];
        served[k].asset <== requestAsset[k];
        served[k].floor <== requestFloor[k];
        served[k].byHealth <== requestByHealth[k];
        served[k].idle <== requestIdle[k];
        served[k].equity <== blocks[k].equity;
        served[k].ownMoney <== blocks[k].ownMoney;
        served[k].slack <== reliefNewSlack[k];
        served[k].newId <== newId[k];
        served[k].derivativeLots <== derivativeLots[k];
        served[k].busy <== blocks[k].touched + forcedMultiplicity[k][0] + forcedMultiplicity[k][1] + payment[k];
        served[k].closings <== closings[k];
        served[k].deleveraged <== reliefs[k].deleveraged;
        served[k].more <== positionMore[k];
    }

    // --- Signed rows.
    component rows[N];
    var fees = 0;
    for (var i = 0; i < N; i++) {
        rows[i] = SignedRow();
        rows[i].domain <== domain;
        rows[i].open <== open;
        rows[i].kindBit <== rowKindBit[i];
        rows[i].flags <== rowFlags[i];
        rows[i].side <== rowSide[i];
        rows[i].instrument <== rowInstrument[i];
        rows[i].account <== rowAccount[i];
        rows[i].slot <== rowSlot[i];
        rows[i].size <== rowSize[i];
        rows[i].limit <== rowLimit[i];
        rows[i].feeRate <== rowFeeRate[i];
        rows[i].expiry <== rowExpiry[i];
        rows[i].nonce <== rowNonce[i];
        rows[i].r8x <== rowR8x[i];
        rows[i].r8y <== rowR8y[i];
        rows[i].s <== rowS[i];
        rows[i].block <== rowBlock[i];
        rows[i].fill <== rowFill[i];
        rows[i].quote <== rowQuote[i];
        rows[i].fee <== rowFee[i];
        rows[i].keyX <== rowKeyX[i];
        rows[i].keyY <== rowKeyY[i];
        rows[i].owner <== rowOwner[i];
        rows[i].oldNonce <== rowOldNonce[i];
        rows[i].oldFilled <== rowOldFilled[i];
        rows[i].slotSiblings <== rowSlotSiblings[i];
        rows[i].meta <== rowMeta[i];
        rows[i].index <== rowIndex[i];
        rows[i].base <== rowBase[i];
        rows[i].funding <== rowFunding[i];
        rows[i].priceBound <== rowPriceBound[i];
        fees += rowFee[i];
    }

    // --- Forced rows.
    component forcedRows[U];
    var liquidationFees = 0;
    for (var i = 0; i < U; i++) {
        forcedRows[i] = ForcedRow();
        forcedRows[i].kindBit <== forcedKindBit[i];
        forcedRows[i].closing <== forcedClosing[i];
        forcedRows[i].block <== forcedBlock[i];
        forcedRows[i].counterBlock <== forcedCounterBlock[i];
        forcedRows[i].instrument <== forcedInstrument[i];
        forcedRows[i].oldMagnitude <== forcedOldMagnitude[i];
        forcedRows[i].oldNegative <== forcedOldNegative[i];
        forcedRows[i].counterMagnitude <== forcedCounterMagnitude[i];
        forcedRows[i].fill <== forcedFill[i];
        forcedRows[i].quote <== forcedQuote[i];
        forcedRows[i].fee <== forcedFee[i];
        forcedRows[i].deficit <== forcedDeficit[i];
        forcedRows[i].meta <== forcedMeta[i];
        forcedRows[i].index <== forcedIndex[i];
        forcedRows[i].base <== forcedBase[i];
        forcedRows[i].funding <== forcedFunding[i];
        forcedRows[i].priceBound <== forcedPriceBound[i];
        liquidationFees += forcedFee[i];
    }

    // --- Operations.
    component operations[L];
    for (var i = 0; i < L; i++) {
        operations[i] = Operation();
        operations[i].kind <== opKind[i];
        operations[i].account <== opAccount[i];
        operations[i].asset <== opAsset[i];
        operations[i].amount <== opAmount[i];
        operations[i].owner <== opOwner[i];
        operations[i].keyX <== opKeyX[i];
        operations[i].block <== opBlock[i];
        operations[i].actualOwner <== opActualOwner[i];
        operations[i].usesMarket <== opUsesMarket[i];
        operations[i].meta <== opMeta[i];
        operations[i].index <== opIndex[i];
        operations[i].base <== opBase[i];
        operations[i].funding <== opFunding[i];
        operations[i].priceBound <== opPriceBound[i];
    }

    // --- The fee row: exactly the sum of the fees, to account 0.
    component feeBit = Bit();
    feeBit.in <== feeEnabled;
    component feeBlockRange = Range(WIDTH_BLOCK());
    feeBlockRange.in <== feeBlock;
    (1 - feeEnabled) * fees === 0;

    // --- The fund row: account 1 takes the fees of liquidations and gives the payments. No sum wraps: each is of few terms below 2^60.
    component fundBit = Bit();
    fundBit.in <== fundEnabled;
    component fundBlockRange = Range(WIDTH_BLOCK());
    fundBlockRange.in <== fundBlock;
    component fundCashRange = Range(WIDTH_CASH());
    fundCashRange.in <== fundCash;
    (1 - fundEnabled) * liquidationFees === 0;
    (1 - fundEnabled) * payments === 0;

    // --- Public data. Header widths keep the packing injective: `open` is what expiry is compared with.
    component batchRange = Range(WIDTH_BATCH());
    batchRange.in <== batch;
    component openRange = Range(WIDTH_TIME());
    openRange.in <== open;
    component closeRange = Range(WIDTH_TIME());
    closeRange.in <== close;
    component firstRange = Range(WIDTH_OPERATION_INDEX());
    firstRange.in <== firstOperation;
    component countRange = Range(WIDTH_OPERATION_COUNT());
    countRange.in <== operationCount;

    component data = BindData(n);
    data.z <== z;
    data.d[0] <== domain;
    data.d[1] <== batch + open * 2 ** 32 + close * 2 ** 76 + firstOperation * 2 ** 120 + operationCount * 2 ** 160;
    data.d[2] <== oldRoot;
    data.d[3] <== newRoot;
    data.d[4] <== rankingRoot;
    var at = 5;
    for (var i = 0; i < L; i++) {
        data.d[at] <== operations[i].word;
        data.d[at + 1] <== opOwner[i];
        data.d[at + 2] <== opKeyX[i];
        data.d[at + 3] <== opKeyY[i];
        data.d[at + 4] <== opViewKeyHash[i];
        at += 5;
    }
    for (var i = 0; i < N; i++) { data.d[at] <== rows[i].withdrawalWord; at += 1; }
    for (var k = 0; k < K; k++) {
        data.d[at] <== account[k];
        data.d[at + 1] <== blocks[k].newLeaf;
        for (var i = 0; i < 6; i++) { data.d[at + 2 + i] <== blocks[k].cipher[i]; }
        at += 8;
    }
    C <== data.C;
    y <== data.y;

    // --- Opened buckets.
    component buckets[B];
    for (var b = 0; b < B; b++) {
        buckets[b] = OpenBucket();
        buckets[b].riskRoot <== riskRoot;
        buckets[b].bucket <== bucket[b];
        buckets[b].siblings <== bucketSiblings[b];
        buckets[b].meta <== meta[b];
        buckets[b].market <== market[b];
        buckets[b].long <== long[b];
        buckets[b].short <== short[b];
        buckets[b].multiplicity <== multiplicity[b];
    }

    // --- First challenge (5.7): everything that is not already fixed by C and riskRoot.
    var h1Length = 4 + K * (2 + G * J) + R * (7 + G * J) + 9 * N + 3 * U + 3 * L + B;
    component h1 = Sponge(TAG_CHALLENGE_1(), h1Length);
    h1.in[0] <== CIRCUIT_VERSION();
    h1.in[1] <== C;
    h1.in[2] <== riskRoot;
    h1.in[3] <== feeBlock + feeEnabled * 2 ** 8 + fundBlock * 2 ** 9 + fundEnabled * 2 ** 17 + fundCash * 2 ** 18;
    at = 4;
    for (var k = 0; k < K; k++) {
        h1.in[at] <== blocks[k].word;
        h1.in[at + 1] <== blocks[k].packedDerivative;
        at += 2;
        for (var g = 0; g < G; g++) {
            for (var j = 0; j < J; j++) { h1.in[at] <== blocks[k].packedSlack[g][j]; at += 1; }
        }
    }
    for (var k = 0; k < R; k++) {
        h1.in[at] <== reliefs[k].word + served[k].word * 2 ** 78;
        h1.in[at + 1] <== reliefDerivative[k];
        h1.in[at + 2] <== reliefDerivativeLots[k];
        at += 3;
        for (var i = 0; i < 4; i++) { h1.in[at] <== reliefs[k].packedLost[i]; at += 1; }
        for (var g = 0; g < G; g++) {
            for (var j = 0; j < J; j++) { h1.in[at] <== reliefPacked[k][g][j]; at += 1; }
        }
    }
    for (var i = 0; i < N; i++) {
        h1.in[at] <== rows[i].message;
        h1.in[at + 1] <== rows[i].word;
        h1.in[at + 2] <== rowKeyX[i];
        h1.in[at + 3] <== rowKeyY[i];
        h1.in[at + 4] <== rowOwner[i];
        h1.in[at + 5] <== rows[i].inRoot;
        h1.in[at + 6] <== rows[i].outRoot;
        h1.in[at + 7] <== rowMeta[i];
        h1.in[at + 8] <== rows[i].market;
        at += 9;
    }
    for (var i = 0; i < U; i++) {
        for (var e = 0; e < 3; e++) { h1.in[at + e] <== forcedRows[i].word[e]; }
        at += 3;
    }
    for (var i = 0; i < L; i++) {
        h1.in[at] <== operations[i].absorbed;
        h1.in[at + 1] <== operations[i].market;
        h1.in[at + 2] <== opActualOwner[i];
        at += 3;
    }
    for (var b = 0; b < B; b++) { h1.in[at] <== buckets[b].word; at += 1; }

    component challenge1[3];
    for (var i = 0; i < 3; i++) {
        challenge1[i] = Poseidon(2);
        challenge1[i].inputs[0] <== h1.out;
        challenge1[i].inputs[1] <== i + 1;
    }
    signal rho <== challenge1[2].out;
    signal lambda[K + R];               // lambda^1..lambda^(K + R): new leaves, then old leaves with relief
    signal mu[GB];                      // mu^(2^i)
    for (var k = 0; k < K + R; k++) { if (k == 0) { lambda[0] <== challenge1[0].out; } else { lambda[k] <== lambda[k - 1] * lambda[0]; } }
    for (var i = 0; i < GB; i++) { if (i == 0) { mu[0] <== challenge1[1].out; } else { mu[i] <== mu[i - 1] * mu[i - 1]; } }

    // --- Q is stated by the prover after lambda, and absorbed before delta.
    signal quantityPlus[B][T];
    signal quantityMinus[B][T];
    signal held[K + R][P];
    signal plus[K + R][P];
    signal minus[K + R][P];
    signal weight[K + R];
    for (var k = 0; k < K; k++) {
        weight[k] <== lambda[k];
        held[k] <== newId[k];
        for (var j = 0; j < P; j++) {
            plus[k][j] <== blocks[k].newSize[j] + blocks[k].minus[j];
            minus[k][j] <== blocks[k].minus[j];
        }
    }
    for (var k = 0; k < R; k++) {
        weight[K + k] <== relief[k] * lambda[K + k];
        held[K + k] <== oldId[k];
        for (var j = 0; j < P; j++) {
            plus[K + k][j] <== blocks[k].oldSize[j] + blocks[k].oldMinus[j];
            minus[K + k][j] <== blocks[k].oldMinus[j];
        }
    }
    for (var b = 0; b < B; b++) {
        for (var t = 0; t < T; t++) {
            quantityPlus[b][t] <-- heldQuantity(K + R, B, P, b, t, bucket, held, plus, weight);
            quantityMinus[b][t] <-- heldQuantity(K + R, B, P, b, t, bucket, held, minus, weight);
        }
    }

    // --- Second challenge: after every Q.
    component h2 = Sponge(TAG_CHALLENGE_2(), 1 + 2 * B * T);
    h2.in[0] <== h1.out;
    for (var b = 0; b < B; b++) {
        for (var t = 0; t < T; t++) {
            h2.in[1 + b * T + t] <== quantityPlus[b][t];
            h2.in[1 + B * T + b * T + t] <== quantityMinus[b][t];
        }
    }
    component challenge2[3];
    for (var i = 0; i < 3; i++) {
        challenge2[i] = Poseidon(2);
        challenge2[i].inputs[0] <== h2.out;
        challenge2[i].inputs[1] <== i + 1;
    }
    signal delta <== challenge2[0].out;
    signal gamma <== challenge2[2].out;
    signal alpha[7];                    // alpha^0..alpha^6
    alpha[0] <== 1;
    alpha[1] <== challenge2[1].out;
    for (var i = 2; i < 7; i++) { alpha[i] <== alpha[i - 1] * alpha[1]; }

    // --- The identities: margin and poles over blocks and rows, and the one sum of fractions.
    component margins[K];
    component blockFacts[K];
    signal marginTerm[K];
    signal plusTerm[K];
    signal minusTerm[K];
    signal derivativeTerm[K];
    signal lotsTerm[K];
    var marginSum = 0;
    var derivativeSum = 0;
    var lotsSum = 0;
    var plusSum = 0;
    var minusSum = 0;
    var facts = 0;
    for (var k = 0; k < K; k++) {
        margins[k] = BlockMargin();
        margins[k].mu <== mu;
        margins[k].rho <== rho;
        margins[k].delta <== delta;
        margins[k].groupBits <== blocks[k].groupBits;
        margins[k].groupMargin <== groupMargin[k];
        margins[k].packedSlack <== blocks[k].packedSlack;
        margins[k].id <== newId[k];
        margins[k].size <== blocks[k].newSize;
        margins[k].minus <== blocks[k].minus;
        marginTerm[k] <== lambda[k] * margins[k].margin;
        plusTerm[k] <== lambda[k] * margins[k].polesPlus;
        minusTerm[k] <== lambda[k] * margins[k].polesMinus;
        derivativeTerm[k] <== lambda[k] * (blocks[k].packedDerivative - 2 ** 83 * (1 + 2 ** 84 + 2 ** 168));
        marginSum += marginTerm[k];
        lotsTerm[k] <== lambda[k] * derivativeLots[k];
        derivativeSum += derivativeTerm[k];
        lotsSum += lotsTerm[k];
        plusSum += plusTerm[k];
        minusSum += minusTerm[k];

        blockFacts[k] = BlockFacts(k + 1);
        blockFacts[k].alpha <== alpha;
        blockFacts[k].gamma <== gamma;
        blockFacts[k].isNew <== isNew[k];
        blockFacts[k].account <== account[k];
        blockFacts[k].owner <== owner[k];
        blockFacts[k].keyX <== keyX[k];
        blockFacts[k].keyY <== keyY[k];
        blockFacts[k].viewKeyHash <== blocks[k].viewKeyHash;
        blockFacts[k].oldOrderRoot <== oldOrderRoot[k];
        blockFacts[k].newOrderRoot <== newOrderRoot[k];
        blockFacts[k].cashChange <== blocks[k].cashChange;
        blockFacts[k].oldId <== oldId[k];
        blockFacts[k].oldSize <== blocks[k].oldSize;
        blockFacts[k].newId <== newId[k];
        blockFacts[k].newSize <== blocks[k].newSize;
        blockFacts[k].keyMultiplicity <== keyMultiplicity[k];
        blockFacts[k].accountMultiplicity <== accountMultiplicity[k];
        blockFacts[k].fundMultiplicity <== fundMultiplicity[k];
        blockFacts[k].counterMultiplicity <== counterMultiplicity[k];
        blockFacts[k].newCash <== newCash[k];
        for (var j = 0; j < P; j++) { blockFacts[k].positionMultiplicity[j] <== positionMultiplicity[k][j] + (k < R ? positionMore[k][j] : 0); }
        blockFacts[k].requested <== requested[k];
        if (k < R) {
            blockFacts[k].requestFlags <== requestPays[k] + 2 * requestShort[k] + 4 * requestClose[k];
            blockFacts[k].shortAsset <== requestAsset[k];
            blockFacts[k].shortFloor <== requestFloor[k];
        } else {
            blockFacts[k].requestFlags <== requestPays[k];
            blockFacts[k].shortAsset <== 0;
            blockFacts[k].shortFloor <== 0;
        }
        facts += blockFacts[k].sum;
    }

    component reliefMargins[R];
    signal reliefMarginTerm[R];
    signal reliefPlusTerm[R];
    signal reliefMinusTerm[R];
    signal reliefDerivativeTerm[R];
    signal reliefLotsTerm[R];
    component paid[R];
    component named[R][3];
    signal deficitAt3[R];
    signal shrinks[R];
    for (var k = 0; k < R; k++) {
        var number = k + 1;
        reliefMargins[k] = ReliefMargin();
        shrinks[k] <== relief[k] + requestClose[k] - relief[k] * requestClose[k];
        reliefMargins[k].shrinks <== shrinks[k];
        reliefMargins[k].muPower <== margins[k].groupPower;
        reliefMargins[k].rho <== rho;
        reliefMargins[k].delta <== delta;
        reliefMargins[k].packed <== reliefPacked[k];
        reliefMargins[k].id <== oldId[k];
        reliefMargins[k].size <== blocks[k].oldSize;
        reliefMargins[k].minus <== blocks[k].oldMinus;
        reliefMargins[k].negative <== oldNegative[k];
        reliefMargins[k].kept <== reliefs[k].kept;
        reliefMargins[k].newPolesPlus <== margins[k].polesPlus;
        reliefMargins[k].newPolesMinus <== margins[k].polesMinus;
        reliefMarginTerm[k] <== weight[K + k] * reliefMargins[k].margin;
        reliefPlusTerm[k] <== weight[K + k] * reliefMargins[k].polesPlus;
        reliefMinusTerm[k] <== weight[K + k] * reliefMargins[k].polesMinus;
        reliefDerivativeTerm[k] <== weight[K + k] * reliefDerivative[k];
        reliefLotsTerm[k] <== weight[K + k] * reliefDerivativeLots[k];
        marginSum += reliefMarginTerm[k];
        plusSum += reliefPlusTerm[k];
        minusSum += reliefMinusTerm[k];
        derivativeSum += reliefDerivativeTerm[k];
        lotsSum += reliefLotsTerm[k];

        paid[k] = Fraction();
        paid[k].numerator <== payment[k];
        paid[k].denominator <== gamma - (BUS_CHANGE() + number * alpha[2]);
        facts += paid[k].out;
        deficitAt3[k] <== reliefs[k].deficit * alpha[3];
        for (var i = 0; i < 2; i++) {
            named[k][i] = Fraction();
            named[k][i].numerator <== -forcedMultiplicity[k][i];
            named[k][i].denominator <== gamma - (BUS_FORCED() + i * (alpha[1] + deficitAt3[k]) + number * alpha[2]);
            facts += named[k][i].out;
        }
        named[k][2] = Fraction();
        named[k][2].numerator <== -closings[k];
        named[k][2].denominator <== gamma - (BUS_FORCED() + 3 * alpha[1] + number * alpha[2]);
        facts += named[k][2].out;
    }

    component forcedFacts[U];
    for (var i = 0; i < U; i++) {
        forcedFacts[i] = ForcedFacts();
        forcedFacts[i].alpha <== alpha;
        forcedFacts[i].gamma <== gamma;
        forcedFacts[i].enabled <== forcedRows[i].enabled;
        forcedFacts[i].isDeleverage <== forcedRows[i].isDeleverage;
        forcedFacts[i].isConversion <== forcedRows[i].isConversion;
        forcedFacts[i].forces <== forcedRows[i].forces;
        forcedFacts[i].closing <== forcedClosing[i];
        forcedFacts[i].sign <== forcedRows[i].sign;
        forcedFacts[i].block <== forcedBlock[i];
        forcedFacts[i].counterBlock <== forcedCounterBlock[i];
        forcedFacts[i].instrument <== forcedInstrument[i];
        forcedFacts[i].oldMagnitude <== forcedOldMagnitude[i];
        forcedFacts[i].counterMagnitude <== forcedCounterMagnitude[i];
        forcedFacts[i].deficit <== forcedDeficit[i];
        forcedFacts[i].meta <== forcedMeta[i];
        forcedFacts[i].market <== forcedRows[i].market;
        forcedFacts[i].lots <== forcedRows[i].lots;
        forcedFacts[i].cash <== forcedRows[i].cash;
        forcedFacts[i].counterLots <== forcedRows[i].counterLots;
        forcedFacts[i].counterCash <== forcedRows[i].counterCash;
        forcedFacts[i].converted <== forcedRows[i].converted;
        facts += forcedFacts[i].sum;
    }

    component rowFacts[N];
    for (var i = 0; i < N; i++) {
        rowFacts[i] = RowFacts();
        rowFacts[i].alpha <== alpha;
        rowFacts[i].gamma <== gamma;
        rowFacts[i].enabled <== rows[i].enabled;
        rowFacts[i].isWithdrawal <== rows[i].isWithdrawal;
        rowFacts[i].usesMarket <== rows[i].usesMarket;
        rowFacts[i].instrument <== rowInstrument[i];
        rowFacts[i].block <== rowBlock[i];
        rowFacts[i].account <== rowAccount[i];
        rowFacts[i].owner <== rowOwner[i];
        rowFacts[i].keyX <== rowKeyX[i];
        rowFacts[i].keyY <== rowKeyY[i];
        rowFacts[i].meta <== rowMeta[i];
        rowFacts[i].market <== rows[i].market;
        rowFacts[i].inRoot <== rows[i].inRoot;
        rowFacts[i].outRoot <== rows[i].outRoot;
        rowFacts[i].instrumentChange <== rows[i].instrumentChange;
        rowFacts[i].cashChange <== rows[i].cashChange;
        facts += rowFacts[i].sum;
    }

    component operationFacts[L];
    for (var i = 0; i < L; i++) {
        operationFacts[i] = OperationFacts();
        operationFacts[i].alpha <== alpha;
        operationFacts[i].gamma <== gamma;
        operationFacts[i].isRegistration <== opKind[i][0];
        operationFacts[i].named <== operations[i].named;
        operationFacts[i].isRequest <== operations[i].isRequest;
        operationFacts[i].usesMarket <== opUsesMarket[i];
        operationFacts[i].account <== opAccount[i];
        operationFacts[i].asset <== opAsset[i];
        operationFacts[i].moved <== operations[i].moved;
        operationFacts[i].owner <== opOwner[i];
        operationFacts[i].keyX <== opKeyX[i];
        operationFacts[i].keyY <== opKeyY[i];
        operationFacts[i].viewKeyHash <== opViewKeyHash[i];
        operationFacts[i].block <== opBlock[i];
        operationFacts[i].actualOwner <== opActualOwner[i];
        operationFacts[i].flags <== operations[i].flags;
        operationFacts[i].shortAsset <== operations[i].shortAsset;
        operationFacts[i].shortFloor <== operations[i].shortFloor;
        operationFacts[i].meta <== opMeta[i];
        operationFacts[i].market <== operations[i].market;
        facts += operationFacts[i].sum;
    }

    signal feeBlockAt2 <== feeBlock * alpha[2];
    component feeChange = Fraction();
    feeChange.numerator <== fees;
    feeChange.denominator <== gamma - (BUS_CHANGE() + feeBlockAt2);
    component feeAccount = Fraction();
    feeAccount.numerator <== feeEnabled;
    feeAccount.denominator <== gamma - (BUS_ACCOUNT() + feeBlockAt2);
    facts += feeChange.out + feeAccount.out;
    signal fundBlockAt2 <== fundBlock * alpha[2];
    signal fundCashAt3 <== fundCash * alpha[3];
    component fundChange = Fraction();
    fundChange.numerator <== liquidationFees - payments;
    fundChange.denominator <== gamma - (BUS_CHANGE() + fundBlockAt2);
    component fund = Fraction();
    fund.numerator <== fundEnabled;
    fund.denominator <== gamma - (BUS_FUND() + alpha[1] + fundBlockAt2 + fundCashAt3);
    facts += fundChange.out + fund.out;

    component bucketFacts[B];
    for (var b = 0; b < B; b++) {
        bucketFacts[b] = BucketFacts();
        bucketFacts[b].mu <== mu;
        bucketFacts[b].rho <== rho;
        bucketFacts[b].delta <== delta;
        bucketFacts[b].alpha <== alpha;
        bucketFacts[b].gamma <== gamma;
        bucketFacts[b].bucket <== bucket[b];
        bucketFacts[b].meta <== meta[b];
        bucketFacts[b].market <== market[b];
        bucketFacts[b].long <== long[b];
        bucketFacts[b].short <== short[b];
        bucketFacts[b].multiplicity <== multiplicity[b];
        bucketFacts[b].quantityPlus <== quantityPlus[b];
        bucketFacts[b].quantityMinus <== quantityMinus[b];
        bucketFacts[b].isListed <== buckets[b].isListed;
        bucketFacts[b].isSpot <== buckets[b].isSpot;
        bucketFacts[b].groupBits <== buckets[b].groupBits;
        marginSum -= bucketFacts[b].margin;
        derivativeSum -= bucketFacts[b].derivative;
        lotsSum -= bucketFacts[b].derivativeLots;
        plusSum -= bucketFacts[b].polesPlus;
        minusSum -= bucketFacts[b].polesMinus;
        facts += bucketFacts[b].sum;
    }
    marginSum === 0;
    derivativeSum === 0;
    lotsSum === 0;
    plusSum === 0;
    minusSum === 0;
    facts === 0;
}
