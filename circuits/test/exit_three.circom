pragma circom 2.2.0;

include "../exit/exit.circom";

// As circuits/main/exit.circom, for accounts of at most three positions.
component main {public [root, riskRoot, accountOwner, equity, spotValue, spot]} = Exit(3);
