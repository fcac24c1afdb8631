pragma circom 2.2.0;

// A circuit whose generator runs as long, and calls as deeply, as its input says; nothing is proven with it.
function countTo(n) {
    var i = 0;
    while (i < n) i += 1;
    return i;
}

function nest(n) {
    if (n == 0) return 0;
    return 1 + nest(n - 1);
}

template Probe() {
    signal input steps;
    signal input depth;
    signal input list[2][3];
    signal output out;
    signal counted <-- countTo(steps);
    signal nested <-- nest(depth);
    counted === steps;
    nested === depth;
    log("steps", steps);
    out <== counted + nested * 1000 + list[0][0] * 2 + list[0][1] * 7 + list[0][2] * 3 + list[1][1] * 5 + list[1][2] * list[1][0];
}

component main = Probe();
