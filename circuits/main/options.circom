pragma circom 2.2.0;

include "../settlement/settlement.circom";

// Profile "options" of spec/protocol.json: blocks, rows, operations, buckets, forced rows, reliefs. Public: C, y (outputs), z, riskRoot.
component main {public [z, riskRoot]} = Settlement(16, 24, 4, 6, 16, 6);
