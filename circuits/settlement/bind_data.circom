pragma circom 2.2.0;

include "../lib/sponge.circom";
include "../lib/protocol.circom";

// spec 5.1. C = Sponge(d) commits to the published words inside the proof; y = sum d_i z^i ties them to the words the contract has:
// z is a hash of C and of those words, so the two polynomials agree at z only if the words do (error n / r).
template BindData(n) {
    signal input d[n];
    signal input z;
    signal output C;
    signal output y;

    component sponge = Sponge(TAG_DATA(), n);
    sponge.in <== d;
    C <== sponge.out;
    signal acc[n];
    acc[n - 1] <== d[n - 1] * z;
    for (var i = n - 2; i >= 0; i--) { acc[i] <== (acc[i + 1] + d[i]) * z; }
    y <== acc[0];
}
