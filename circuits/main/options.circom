pragma circom 2.2.0;

include "../settlement/settlement.circom";

// Profile "options" of spec/protocol.json: blocks, rows, operations, buckets, forced rows, reliefs. Public: C, y (outputs), z, riskRoot.
component main {public [z, riskRoot]} = Settlement(12, 16, 4, 6, 12, 4);
