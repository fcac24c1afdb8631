pragma circom 2.2.0;

include "circomlib/circuits/poseidon.circom";
include "circomlib/circuits/bitify.circom";

template Row() {
    signal input x;
    signal input y;
    signal output h;
    component hash = Poseidon(2);
    hash.inputs[0] <== x;
    hash.inputs[1] <== y;
    h <== hash.out;
}

template Small(n) {
    signal input a;
    signal input b;
    signal input limit;
    signal input secret[n];
    signal output root;
    component rows[n];
    signal acc[n + 1];
    acc[0] <== a;
    for (var i = 0; i < n; i++) {
        rows[i] = Row();
        rows[i].x <== acc[i];
        rows[i].y <== secret[i];
        acc[i + 1] <== rows[i].h;
    }
    component range = Num2Bits(64);
    range.in <== limit - secret[0] * b;
    root <== acc[n];
}

component main {public [a, b, limit]} = Small(4);
