pragma circom 2.2.0;

include "../settlement/settlement.circom";

// Profile "standard" of spec/protocol.json: blocks, rows, operations, buckets, forced rows, reliefs. Public: C, y (outputs), z, riskRoot.
component main {public [z, riskRoot]} = Settlement(16, 22, 8, 2, 6, 4);
