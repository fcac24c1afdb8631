pragma circom 2.2.0;

include "bitify.circom";

// 0 <= in < 2^bits, bits <= 253.
template Range(bits) {
    signal input in;
    component b = Num2Bits(bits);
    b.in <== in;
}

// in is 0 or 1.
template Bit() {
    signal input in;
    in * (in - 1) === 0;
}

// out = base^(sum bits[i] 2^i), one factor (1 + bit_i (base^(2^i) - 1)) a bit. Precondition: bits are bits.
template PowBits(n) {
    signal input base[n];   // base^(2^i)
    signal input bits[n];
    signal output out;
    signal factor[n];
    signal acc[n];
    for (var i = 0; i < n; i++) {
        factor[i] <== 1 + bits[i] * (base[i] - 1);
        if (i == 0) { acc[0] <== factor[0]; } else { acc[i] <== acc[i - 1] * factor[i]; }
    }
    out <== acc[n - 1];
}
