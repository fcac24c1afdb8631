pragma circom 2.2.0;

include "../settlement/settlement.circom";

// Room for liquidating accounts of several legs, for the fund and for deleveraging, with one bucket and few signatures.
component main {public [z, riskRoot]} = Settlement(4, 2, 1, 1, 3, 2);
