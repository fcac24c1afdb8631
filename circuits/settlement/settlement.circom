pragma circom 2.2.0;

include "poseidon.circom";
include "../lib/range.circom";
include "../lib/sponge.circom";
include "../lib/fraction.circom";
include "../lib/protocol.circom";
include "account_block.circom";
include "signed_row.circom";
include "operation.circom";
include "bind_data.circom";
include "../risk/open_bucket.circom";

// Q of row t: sum over blocks k of lambda^k times what they hold of id t. Witness only; BucketFacts' poles constrain it.
// A bucket that is opened twice has its quantities at its first place.
function heldQuantity(K, B, P, b, t, buckets, ids, quantities, lambda) {
    var sum = 0;
    for (var e = 0; e < b; e++) { if (buckets[e] == buckets[b]) { return 0; } }
    var id = buckets[b] * 16 + t;
    for (var k = 0; k < K; k++) {
        for (var j = 0; j < P; j++) {
            if (ids[k][j] == id) { sum += lambda[k] * quantities[k][j]; }
        }
    }
    return sum;
}

// spec 5. K account blocks, N signed rows, L operations, B risk buckets.
template Settlement(K, N, L, B) {
    var P = BOUND_POSITIONS();
    var G = BOUND_GROUPS();
    var S = BOUND_SCENARIOS();
    var J = S \ 3;
    var T = BOUND_ROWS_PER_BUCKET();
    var GB = WIDTH_GROUP();
    var n = 4 + 5 * L + N + 8 * K;

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

    // Operations.
    signal input opKindBit[L][2];
    signal input opAccount[L];
    signal input opAsset[L];
    signal input opAmount[L];
    signal input opOwner[L];
    signal input opKeyX[L];
    signal input opKeyY[L];
    signal input opViewKeyHash[L];
    signal input opBlock[L];
    signal input opMeta[L];
    signal input opMarket[L];

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
    }
    newRoot === blocks[K - 1].rootOut;

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
        fees += rowFee[i];
    }

    // --- Operations.
    component operations[L];
    for (var i = 0; i < L; i++) {
        operations[i] = Operation();
        operations[i].kindBit <== opKindBit[i];
        operations[i].account <== opAccount[i];
        operations[i].asset <== opAsset[i];
        operations[i].amount <== opAmount[i];
        operations[i].owner <== opOwner[i];
        operations[i].keyX <== opKeyX[i];
        operations[i].keyY <== opKeyY[i];
        operations[i].viewKeyHash <== opViewKeyHash[i];
        operations[i].block <== opBlock[i];
        operations[i].meta <== opMeta[i];
        operations[i].market <== opMarket[i];
    }

    // --- The fee row: exactly the sum of the fees, to account 0.
    component feeBit = Bit();
    feeBit.in <== feeEnabled;
    component feeBlockRange = Range(WIDTH_BLOCK());
    feeBlockRange.in <== feeBlock;
    (1 - feeEnabled) * fees === 0;

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
    var at = 4;
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
    var h1Length = 4 + K * (2 + G * J) + 9 * N + 2 * L + B;
    component h1 = Sponge(TAG_CHALLENGE_1(), h1Length);
    h1.in[0] <== CIRCUIT_VERSION();
    h1.in[1] <== C;
    h1.in[2] <== riskRoot;
    h1.in[3] <== feeBlock + feeEnabled * 2 ** 8;
    at = 4;
    for (var k = 0; k < K; k++) {
        h1.in[at] <== blocks[k].word;
        h1.in[at + 1] <== blocks[k].packedDerivative;
        at += 2;
        for (var g = 0; g < G; g++) {
            for (var j = 0; j < J; j++) { h1.in[at] <== blocks[k].packedSlack[g][j]; at += 1; }
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
    for (var i = 0; i < L; i++) {
        h1.in[at] <== operations[i].absorbed;
        h1.in[at + 1] <== opMarket[i];
        at += 2;
    }
    for (var b = 0; b < B; b++) { h1.in[at] <== buckets[b].word; at += 1; }

    component challenge1[3];
    for (var i = 0; i < 3; i++) {
        challenge1[i] = Poseidon(2);
        challenge1[i].inputs[0] <== h1.out;
        challenge1[i].inputs[1] <== i + 1;
    }
    signal rho <== challenge1[2].out;
    signal lambda[K];                   // lambda^1..lambda^K
    signal mu[GB];                      // mu^(2^i)
    for (var k = 0; k < K; k++) { if (k == 0) { lambda[0] <== challenge1[0].out; } else { lambda[k] <== lambda[k - 1] * lambda[0]; } }
    for (var i = 0; i < GB; i++) { if (i == 0) { mu[0] <== challenge1[1].out; } else { mu[i] <== mu[i - 1] * mu[i - 1]; } }

    // --- Q is stated by the prover after lambda, and absorbed before delta.
    signal quantityPlus[B][T];
    signal quantityMinus[B][T];
    signal plus[K][P];
    signal minus[K][P];
    for (var k = 0; k < K; k++) {
        for (var j = 0; j < P; j++) {
            plus[k][j] <== blocks[k].newSize[j] + blocks[k].minus[j];
            minus[k][j] <== blocks[k].minus[j];
        }
    }
    for (var b = 0; b < B; b++) {
        for (var t = 0; t < T; t++) {
            quantityPlus[b][t] <-- heldQuantity(K, B, P, b, t, bucket, newId, plus, lambda);
            quantityMinus[b][t] <-- heldQuantity(K, B, P, b, t, bucket, newId, minus, lambda);
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
    var marginSum = 0;
    var derivativeSum = 0;
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
        derivativeSum += derivativeTerm[k];
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
        facts += blockFacts[k].sum;
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
        operationFacts[i].isRegistration <== opKindBit[i][0];
        operationFacts[i].enabled <== operations[i].enabled;
        operationFacts[i].usesMarket <== operations[i].usesMarket;
        operationFacts[i].account <== opAccount[i];
        operationFacts[i].asset <== opAsset[i];
        operationFacts[i].amount <== opAmount[i];
        operationFacts[i].owner <== opOwner[i];
        operationFacts[i].keyX <== opKeyX[i];
        operationFacts[i].keyY <== opKeyY[i];
        operationFacts[i].viewKeyHash <== opViewKeyHash[i];
        operationFacts[i].block <== opBlock[i];
        operationFacts[i].meta <== opMeta[i];
        operationFacts[i].market <== opMarket[i];
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
        plusSum -= bucketFacts[b].polesPlus;
        minusSum -= bucketFacts[b].polesMinus;
        facts += bucketFacts[b].sum;
    }
    marginSum === 0;
    derivativeSum === 0;
    plusSum === 0;
    minusSum === 0;
    facts === 0;
}
