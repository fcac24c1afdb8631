pragma circom 2.2.0;

include "../risk/row.circom";

// Public: riskRoot, id, 18 elements (spec 9.2).
component main {public [riskRoot, id, row]} = Row();
