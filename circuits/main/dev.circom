pragma circom 2.2.0;

include "../settlement/settlement.circom";

// Profile "dev" of spec/protocol.json: blocks, rows, operations, buckets, forced rows, reliefs. Public: C, y (outputs), z, riskRoot.
component main {public [z, riskRoot]} = Settlement(3, 3, 2, 1, 1, 1);
