// Writes spec/vectors/ethereum.json from ethers: the reference for the L1 client's encodings, signatures and keystore.
// Deterministic: running it again changes nothing. Usage: node spec/gen/ethereum.mjs
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { ethers } from "ethers";

let counter = 0;
const bytes = (length) => {
  const chunks = [];
  for (let have = 0; have < length; have += 32) chunks.push(createHash("sha256").update(`ethereum vectors ${counter++}`).digest());
  return Buffer.concat(chunks).subarray(0, length);
};
const hex = (length) => "0x" + bytes(length).toString("hex");
const below = (n) => bytes(4).readUInt32BE() % n;
const pick = (...choices) => choices[below(choices.length)];
const { defaultAbiCoder, keccak256, RLP } = ethers.utils;

// ABI. Integers as decimal strings; bytes in hex.
const randomInteger = (bits, signed) => {
  const magnitude = BigInt(hex(32)) % (1n << BigInt(signed ? bits - 1 : bits)) >> BigInt(below(bits));
  return (signed && below(2) ? -magnitude - 1n : magnitude).toString();
};
function randomType(depth) {
  const leaf = pick(
    () => { const bits = 8 * (1 + below(32)), signed = below(2) === 1; return { type: `${signed ? "" : "u"}int${bits}`, value: () => randomInteger(bits, signed) }; },
    () => ({ type: "address", value: () => hex(20) }),
    () => ({ type: "bool", value: () => below(2) === 1 }),
    () => { const length = 1 + below(32); return { type: `bytes${length}`, value: () => hex(length) }; },
    () => ({ type: "bytes", value: () => hex(below(70)) }),
    () => ({ type: "string", value: () => pick("", "gavofyork", "ünïcödé €", "x".repeat(33)) }),
  );
  if (depth === 0) return leaf();
  return pick(
    leaf,
    () => { const inner = randomType(depth - 1), length = 1 + below(3); return { type: `${inner.type}[${length}]`, value: () => Array.from({ length }, inner.value) }; },
    () => { const inner = randomType(depth - 1); return { type: `${inner.type}[]`, value: () => Array.from({ length: below(4) }, inner.value) }; },
    () => { const inner = Array.from({ length: 1 + below(3) }, () => randomType(depth - 1)); return { type: `(${inner.map((i) => i.type)})`, value: () => inner.map((i) => i.value()) }; },
  )();
}
const toEthers = (type) => type.replaceAll("(", "tuple(");
const abiCase = (types, values) => ({ types, values, encoded: defaultAbiCoder.encode(types.map(toEthers), values) });
const abi = [
  // The worked examples of the Solidity ABI specification.
  abiCase(["uint32", "bool"], ["69", true]),
  abiCase(["bytes3[2]"], [["0x616263", "0x646566"]]),
  abiCase(["bytes", "bool", "uint256[]"], ["0x64617665", true, ["1", "2", "3"]]),
  abiCase(["uint256", "uint32[]", "bytes10", "bytes"], ["291", ["1110", "1929"], "0x31323334353637383930", "0x48656c6c6f2c20776f726c6421"]),
  abiCase(["uint256[][]", "string[]"], [[["1", "2"], ["3"]], ["one", "two", "three"]]),
  abiCase(["int256", "int8", "uint256"], [(-(2n ** 255n)).toString(), "-128", (2n ** 256n - 1n).toString()]),
  abiCase([], []),
];
for (let i = 0; i < 60; i++) {
  const types = Array.from({ length: 1 + below(4) }, () => randomType(below(4)));
  abi.push(abiCase(types.map((t) => t.type), types.map((t) => t.value())));
}

// RLP: lists as arrays, strings in hex. Lengths at the edges of the prefix forms.
const rlp = [
  "0x", "0x00", "0x7f", "0x80", hex(55), hex(56), hex(255), hex(256), [], [[]], ["0x636174", "0x646f67"], [[], [[]], [[], [[]]]],
  Array.from({ length: 55 }, () => "0x01"), Array.from({ length: 56 }, () => "0x01"), [hex(300), ["0x", [hex(60)], "0x05"], "0x"],
].map((item) => ({ item, encoded: RLP.encode(item) }));

// Transactions of type 2, signed.
const transactions = [];
for (let i = 0; i < 12; i++) {
  const wallet = new ethers.Wallet(hex(32));
  const tx = {
    type: 2, chainId: pick(1, 31337, 11155111), nonce: pick(0, below(300), below(100000)), gasLimit: 21000 + below(30_000_000),
    maxPriorityFeePerGas: BigInt(below(2 ** 31)), maxFeePerGas: BigInt(hex(6)), value: i % 3 ? BigInt(hex(9)) : 0n, data: i % 4 ? hex(below(400)) : "0x",
    ...(i % 5 === 4 ? {} : { to: ethers.utils.getAddress(hex(20)) }),
  };
  const raw = await wallet.signTransaction(tx);
  transactions.push({
    key: wallet.privateKey, from: wallet.address, chainId: tx.chainId, nonce: tx.nonce, gasLimit: tx.gasLimit, maxPriorityFeePerGas: tx.maxPriorityFeePerGas.toString(),
    maxFeePerGas: tx.maxFeePerGas.toString(), value: tx.value.toString(), data: tx.data, to: tx.to ?? null, raw, hash: keccak256(raw),
  });
}

// Signatures of digests.
const signatures = [];
for (let i = 0; i < 12; i++) {
  const key = hex(32), digest = hex(32);
  signatures.push({ key, digest, address: ethers.utils.computeAddress(key), signature: ethers.utils.joinSignature(new ethers.utils.SigningKey(key).signDigest(digest)) });
}

// EIP-712: the structs as ethers takes them, and their encodeType text with values in field order.
const key = keccak256(ethers.utils.toUtf8Bytes("cow"));
const typed = async (domain, types, primary, message, ordered) => {
  const encoder = ethers.utils._TypedDataEncoder.from(types);
  return {
    domain, type: encoder.encodeType(primary), values: ordered, key, digest: ethers.utils._TypedDataEncoder.hash(domain, types, message),
    signature: await new ethers.Wallet(key)._signTypedData(domain, types, message),
  };
};
const cow = "0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826", bob = "0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", contract = "0xcccccccccccccccccccccccccccccccccccccccc";
const salt = hex(32), blob = hex(41), tag = hex(4);
const eip712 = [
  await typed({ name: "Ether Mail", version: "1", chainId: 1, verifyingContract: contract },
    { Mail: [{ name: "from", type: "Person" }, { name: "to", type: "Person" }, { name: "contents", type: "string" }], Person: [{ name: "name", type: "string" }, { name: "wallet", type: "address" }] },
    "Mail", { from: { name: "Cow", wallet: cow }, to: { name: "Bob", wallet: bob }, contents: "Hello, Bob!" }, [["Cow", cow], ["Bob", bob], "Hello, Bob!"]),
  await typed({ name: "Rollup", version: "1", chainId: 31337, verifyingContract: contract },
    { DeriveKeys: [{ name: "purpose", type: "string" }, { name: "owner", type: "address" }] },
    "DeriveKeys", { purpose: "trade", owner: bob }, ["trade", bob]),
  await typed({ name: "Nested", salt },
    { Zoo: [{ name: "grid", type: "Animal[2][]" }, { name: "sizes", type: "int16[3]" }, { name: "blob", type: "bytes" }, { name: "open", type: "bool" }], Animal: [{ name: "tag", type: "bytes4" }, { name: "weight", type: "uint128" }] },
    "Zoo",
    { grid: [[{ tag, weight: "7" }, { tag: "0x01020304", weight: "8" }], [{ tag: "0xffffffff", weight: "9" }, { tag, weight: "10" }]], sizes: ["-1", "2", "-300"], blob, open: true },
    [[[[tag, "7"], ["0x01020304", "8"]], [["0xffffffff", "9"], [tag, "10"]]], ["-1", "2", "-300"], blob, true]),
];

const checksummed = Array.from({ length: 20 }, () => ethers.utils.getAddress(hex(20)));

// The iv's last bytes make the AES counter carry between the two blocks of the key.
const stored = new ethers.Wallet(hex(32));
const keystore = {
  password: "correct horse Ünicode", key: stored.privateKey, address: stored.address,
  json: JSON.parse(await stored.encrypt("correct horse Ünicode", { scrypt: { N: 1024, r: 8, p: 2 }, iv: `${hex(14)}ffff`, salt: hex(32), uuid: hex(16) })),
};

// Hashes of receipts (spec 10.5) in domains (spec 4.1), and of what an oracle committee signs (spec 10.6).
const R = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const hashOf = (types, values) => keccak256(defaultAbiCoder.encode(types, values));
const receipts = [1, 31337, 137].map((chainId, i) => {
  const vault = ethers.utils.getAddress(hex(20)), version = 2 + i, number = (BigInt(hex(8)) >> BigInt(1 + 20 * i)).toString(), time = (1790000000000 + below(1000000)).toString();
  const domain = (BigInt(hashOf(["string", "uint256", "address", "uint256"], ["rollup-settlement", chainId, vault, version])) % R).toString();
  const orderHash = hex(32), previous = hex(32), batch = below(1000000), riskInputsHash = hex(32), riskRoot = (BigInt(hex(32)) % R).toString();
  return {
    chainId, vault, version, domain, number, orderHash, time, previous,
    hash: hashOf(["string", "uint256", "uint64", "bytes32", "uint64", "bytes32"], ["rollup-receipt", domain, number, orderHash, time, previous]),
    batch, riskInputsHash, riskRoot,
    attested: hashOf(["string", "uint256", "uint32", "bytes32", "uint256", "uint64"], ["rollup-risk-inputs", domain, batch, riskInputsHash, riskRoot, time]),
  };
});

writeFileSync(new URL("../vectors/ethereum.json", import.meta.url), JSON.stringify({ abi, rlp, transactions, signatures, eip712, checksummed, keystore, receipts }, null, 1) + "\n");
