pragma circom 2.2.0;

include "../settlement/settlement.circom";

// Profile "demo" of spec/protocol.json: blocks, rows, operations, buckets, forced rows, reliefs. Public: C, y (outputs), z, riskRoot.
component main {public [z, riskRoot]} = Settlement(8, 10, 6, 1, 3, 2);
