pragma circom 2.2.0;

// out = values[sum bits[i] 2^i]. Precondition: bits are bits.
template Pick(n) {
    signal input bits[n];
    signal input values[2 ** n];
    signal output out;

    signal node[2 ** n - 1];
    var current[2 ** n];
    for (var k = 0; k < 2 ** n; k++) { current[k] = values[k]; }
    var at = 0;
    for (var i = 0; i < n; i++) {
        for (var k = 0; k < 2 ** (n - 1 - i); k++) {
            node[at] <== current[2 * k] + bits[i] * (current[2 * k + 1] - current[2 * k]);
            current[k] = node[at];
            at++;
        }
    }
    out <== node[2 ** n - 2];
}
