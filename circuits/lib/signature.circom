pragma circom 2.2.0;

include "babyjub.circom";
include "eddsaposeidon.circom";

// spec 4.5. If enabled: (R8, S) is a valid EdDSA-Poseidon signature of M under A: S < l, 8A is not the identity,
// S B8 = R8 + 8 H(R8, A, M) A. Always: A and R8 are on the curve (circomlib's verifier does not check it,
// and its additions are complete only there). A disabled row carries any curve point.
template VerifySignature() {
    signal input enabled;
    signal input ax;
    signal input ay;
    signal input r8x;
    signal input r8y;
    signal input s;
    signal input message;

    component onCurveA = BabyCheck();
    onCurveA.x <== ax;
    onCurveA.y <== ay;
    component onCurveR = BabyCheck();
    onCurveR.x <== r8x;
    onCurveR.y <== r8y;

    component verifier = EdDSAPoseidonVerifier();
    verifier.enabled <== enabled;
    verifier.Ax <== ax;
    verifier.Ay <== ay;
    verifier.S <== s;
    verifier.R8x <== r8x;
    verifier.R8y <== r8y;
    verifier.M <== message;
}
