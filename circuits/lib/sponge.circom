pragma circom 2.2.0;

include "poseidon.circom";
include "protocol.circom";

// spec 3.7. out = chain of H(16) over `n` elements with the initial value `tag`; the last chunk is zero-padded.
// Binding: collision resistance of H(16); n and tag are fixed at compile time.
template Sponge(tag, n) {
    signal input in[n];
    signal output out;

    var RATE = BOUND_SPONGE_RATE();
    var chunks = (n + RATE - 1) \ RATE;
    component h[chunks];
    for (var c = 0; c < chunks; c++) {
        h[c] = Poseidon(RATE + 1);
        if (c == 0) { h[c].inputs[0] <== tag; } else { h[c].inputs[0] <== h[c - 1].out; }
        for (var i = 0; i < RATE; i++) {
            var at = c * RATE + i;
            if (at < n) { h[c].inputs[i + 1] <== in[at]; } else { h[c].inputs[i + 1] <== 0; }
        }
    }
    out <== h[chunks - 1].out;
}
