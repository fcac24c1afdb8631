pragma circom 2.2.0;

include "poseidon.circom";
include "../lib/protocol.circom";

// spec 3.2. Account leaf hash.
template LeafHash() {
    signal input owner;
    signal input keyX;
    signal input keyY;
    signal input viewKey;
    signal input versionCash;
    signal input orderRoot;
    signal input packed[4];
    signal output out;

    component h = Poseidon(10);
    h.inputs[0] <== owner;
    h.inputs[1] <== keyX;
    h.inputs[2] <== keyY;
    h.inputs[3] <== viewKey;
    h.inputs[4] <== versionCash;
    h.inputs[5] <== orderRoot;
    for (var i = 0; i < 4; i++) { h.inputs[6 + i] <== packed[i]; }
    out <== h.out;
}

// spec 5.2. cipher = (versionCash, orderRoot, packed) + lanes 1..6 of one width-7 permutation over (0, viewKey, leaf, 0, 0, 0, 0).
// Lane 0, the capacity, stays inside: without it the permutation cannot be inverted.
template EncryptLeaf() {
    signal input viewKey;
    signal input leaf;
    signal input versionCash;
    signal input orderRoot;
    signal input packed[4];
    signal output cipher[6];

    component stream = PoseidonEx(6, 7);
    stream.initialState <== 0;
    stream.inputs[0] <== viewKey;
    stream.inputs[1] <== leaf;
    for (var i = 2; i < 6; i++) { stream.inputs[i] <== 0; }
    cipher[0] <== versionCash + stream.out[1];
    cipher[1] <== orderRoot + stream.out[2];
    for (var i = 0; i < 4; i++) { cipher[2 + i] <== packed[i] + stream.out[3 + i]; }
}
