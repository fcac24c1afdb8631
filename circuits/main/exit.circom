pragma circom 2.2.0;

include "../exit/exit.circom";

// Every slot of a leaf may be taken, each by an instrument of another bucket. Public: 9 elements (spec 8.2).
component main {public [root, riskRoot, accountOwner, equity, spotValue, spot]} = Exit(16);
