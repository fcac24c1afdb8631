pragma circom 2.2.0;

// out = numerator / denominator. If the denominator is 0 the numerator must be 0 and out is free: callers use a denominator
// gamma - e (or delta - id) whose challenge is drawn after e, so that happens with negligible probability.
template Fraction() {
    signal input numerator;
    signal input denominator;
    signal output out;
    out <-- denominator == 0 ? 0 : numerator / denominator;
    out * denominator === numerator;
}
