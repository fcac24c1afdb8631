pragma circom 2.2.0;

include "poseidon.circom";

// One level of a 4-ary tree: parent = H(children), `node` at position b0 + 2 b1, the siblings in child order elsewhere.
// Precondition: b0, b1 are bits and both = b0 b1.
template QuadLevel() {
    signal input node;
    signal input siblings[3];
    signal input b0;
    signal input b1;
    signal input both;
    signal output parent;

    // c0 = node at 0 else s0; c3 = node at 3 else s2; c1 = (s0, node) at (0, 1), s1 at 2 and 3; c2 is what the sum leaves.
    signal first <== (1 - b0 - b1 + both) * (node - siblings[0]);
    signal last <== both * (node - siblings[2]);
    signal low <== siblings[0] + b0 * (node - siblings[0]);
    signal second <== siblings[1] + (1 - b1) * (low - siblings[1]);

    component h = Poseidon(4);
    h.inputs[0] <== siblings[0] + first;
    h.inputs[1] <== second;
    h.inputs[3] <== siblings[2] + last;
    h.inputs[2] <== node + siblings[1] - first - second - last;
    parent <== h.out;
}

// Root above `leaf` at the position whose base-4 digits (least significant at the leaf) are the bit pairs of `bits`.
// Precondition: bits are bits.
template QuadRoot(depth) {
    signal input leaf;
    signal input bits[2 * depth];
    signal input siblings[depth][3];
    signal output root;

    component level[depth];
    signal both[depth];
    for (var i = 0; i < depth; i++) {
        both[i] <== bits[2 * i] * bits[2 * i + 1];
        level[i] = QuadLevel();
        if (i == 0) { level[i].node <== leaf; } else { level[i].node <== level[i - 1].parent; }
        level[i].siblings <== siblings[i];
        level[i].b0 <== bits[2 * i];
        level[i].b1 <== bits[2 * i + 1];
        level[i].both <== both[i];
    }
    root <== level[depth - 1].parent;
}

// Roots before and after replacing one leaf: the same position and siblings for both.
template QuadUpdate(depth) {
    signal input oldLeaf;
    signal input newLeaf;
    signal input bits[2 * depth];
    signal input siblings[depth][3];
    signal output oldRoot;
    signal output newRoot;

    component before = QuadRoot(depth);
    component after = QuadRoot(depth);
    before.leaf <== oldLeaf;
    after.leaf <== newLeaf;
    before.bits <== bits;
    after.bits <== bits;
    before.siblings <== siblings;
    after.siblings <== siblings;
    oldRoot <== before.root;
    newRoot <== after.root;
}
