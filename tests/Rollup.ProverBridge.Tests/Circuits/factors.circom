pragma circom 2.2.0;

include "bitify.circom";

// A circuit that is proven in a blink. Public: product, shift.
template Factors() {
    signal input a;
    signal input b;
    signal input shift;
    signal output product;
    component range = Num2Bits(16);
    range.in <== a;
    product <== a * b + shift;
}

component main {public [shift]} = Factors();
