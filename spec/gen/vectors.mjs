// Writes spec/vectors/{field,poseidon,blake512,babyjub,eddsa,eddsa-edge,key-derivation}.json from circomlibjs and ethers (which circomlibjs brings):
// the references that the C# cryptography must equal bit for bit.
// Deterministic: running it again changes nothing. Usage: node spec/gen/vectors.mjs
import { createHash, hkdfSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import createBlakeHash from "blake-hash";
import { buildBabyjub, buildEddsa, buildPoseidon } from "circomlibjs";
import { ethers } from "ethers";

const babyjub = await buildBabyjub();
const eddsa = await buildEddsa();
const poseidon = await buildPoseidon();
const F = babyjub.F;
const r = babyjub.p;
const l = babyjub.subOrder;

let counter = 0;
const bytes = () => createHash("sha256").update(`rollup vectors ${counter++}`).digest();
const random = () => BigInt("0x" + bytes().toString("hex")) % r;
const text = (element) => F.toString(element);
const write = (name, value) => writeFileSync(new URL(`../vectors/${name}.json`, import.meta.url), JSON.stringify(value, null, 1) + "\n");

const edges = [0n, 1n, 2n, 2n ** 64n - 1n, 2n ** 64n, 2n ** 128n - 1n, 2n ** 192n, (r - 1n) / 2n, (r + 1n) / 2n, r - 2n, r - 1n];

// Field: internal bytes of ffjavascript are the Montgomery form that .zkey files hold.
const pairs = edges.flatMap((a) => edges.map((b) => [a, b])).concat(Array.from({ length: 60 }, () => [random(), random()]));
write("field", pairs.map(([a, b]) => {
  const x = F.e(a), y = F.e(b);
  return {
    a: a.toString(), b: b.toString(), sum: text(F.add(x, y)), difference: text(F.sub(x, y)), product: text(F.mul(x, y)),
    quotient: b === 0n ? null : text(F.div(x, y)), montgomery: Buffer.from(x).toString("hex"),
  };
}));

// Poseidon: all lanes out, so that one vector serves Poseidon (initialState 0, lane 0), PoseidonEx and the permutation.
const hashes = [];
for (let n = 1; n <= 16; n++) {
  const cases = [
    [0n, Array(n).fill(0n)],
    [0n, Array.from({ length: n }, (_, i) => BigInt(i + 1))],
    [0n, Array(n).fill(r - 1n)],
    [0n, Array.from({ length: n }, (_, i) => edges[(i + n) % edges.length])],
    [0n, Array.from({ length: n }, random)],
    [random(), Array.from({ length: n }, random)],
    [r - 1n, Array.from({ length: n }, random)],
  ];
  for (const [initialState, inputs] of cases) {
    const lanes = poseidon(inputs, F.e(initialState), n + 1);
    if (initialState === 0n && text(poseidon(inputs)) !== text(lanes[0])) throw new Error("PoseidonEx disagrees with Poseidon");
    hashes.push({ initialState: initialState.toString(), inputs: inputs.map(String), outputs: lanes.map(text) });
  }
}
write("poseidon", hashes);

// Lengths around the padding's edges: 111 and 112 bytes, whole blocks of 128.
write("blake512", [0, 1, 3, 32, 63, 64, 110, 111, 112, 127, 128, 129, 239, 240, 255, 256, 300].map((length) => {
  const data = Buffer.from(Array.from({ length }, (_, i) => (i * 7 + length) & 255));
  return { data: data.toString("hex"), hash: createBlakeHash("blake512").update(data).digest("hex") };
}));

const point = (p) => [text(p[0]), text(p[1])];
const scalars = [0n, 1n, 2n, 3n, 8n, 2n ** 64n, l - 1n, l, l + 1n, 2n ** 250n, r - 1n].concat(Array.from({ length: 12 }, random));
const base = babyjub.mulPointEscalar(babyjub.Generator, 7n);
write("babyjub", {
  base8: point(babyjub.Base8),
  subgroupOrder: l.toString(),
  // The base has a component of order 8, so these also tell whether a scalar was wrongly reduced modulo the subgroup order.
  base: point(base),
  multiples: scalars.map((k) => ({
    scalar: k.toString(), ofBase8: point(babyjub.mulPointEscalar(babyjub.Base8, k)), ofBase: point(babyjub.mulPointEscalar(base, k)),
  })),
  sums: [[1n, 1n], [1n, 2n], [5n, l - 5n], [0n, 9n], [random(), random()]].map(([j, k]) => {
    const a = babyjub.mulPointEscalar(babyjub.Base8, j), b = babyjub.mulPointEscalar(base, k);
    return { a: point(a), b: point(b), sum: point(babyjub.addPoint(a, b)) };
  }),
});

const seeds = [Buffer.alloc(32), Buffer.alloc(32, 255), Buffer.from(Array.from({ length: 32 }, (_, i) => i))].concat(Array.from({ length: 9 }, bytes));
write("eddsa", seeds.flatMap((seed, i) => [i < edges.length ? edges[i] : random(), random()].map((message) => {
  const key = eddsa.prv2pub(seed);
  const signature = eddsa.signPoseidon(seed, F.e(message));
  if (!eddsa.verifyPoseidon(F.e(message), signature, key)) throw new Error("circomlibjs refuses its own signature");
  return {
    seed: seed.toString("hex"), publicKey: point(key), message: message.toString(), r8: point(signature.R8), s: signature.S.toString(),
  };
})));

// What verification must decide at its edges. Each refused case satisfies the equation as far as its fault allows, so that only the check under test refuses it.
const seed = bytes(), message = random();
const key = eddsa.prv2pub(seed);
const good = eddsa.signPoseidon(seed, F.e(message));
const pruned = eddsa.pruneBuffer(createBlakeHash("blake512").update(seed).digest());
const secret = pruned.subarray(0, 32).reduceRight((n, b) => n * 256n + BigInt(b), 0n);
const mod = (n) => ((n % l) + l) % l;
const challenge = (r8, a, m) => F.toObject(poseidon([r8[0], r8[1], a[0], a[1], F.e(m)]));
const times = (p, k) => babyjub.mulPointEscalar(p, k);
const order8 = times(babyjub.Generator, l);
const smallOrder = Array.from({ length: 8 }, (_, i) => times(order8, BigInt(i)));
const edge = [];
const add = (name, valid, a, m, r8, s) => edge.push({ name, valid, publicKey: point(a), message: m.toString(), r8: point(r8), s: s.toString() });

add("good", true, key, message, good.R8, good.S);
add("another message", false, key, message + 1n, good.R8, good.S);
for (let k = 1n; good.S + k * l < r; k++) add(`S + ${k} l`, false, key, message, good.R8, good.S + k * l);
add("S + 1", false, key, message, good.R8, mod(good.S + 1n));
add("S negated", false, key, message, good.R8, l - good.S);
add("R8 of another message", false, key, message, eddsa.signPoseidon(seed, F.e(message + 1n)).R8, good.S);
add("R8 negated", false, key, message, [F.neg(good.R8[0]), good.R8[1]], good.S);
add("key of another", false, eddsa.prv2pub(bytes()), message, good.R8, good.S);
add("A negated", false, [F.neg(key[0]), key[1]], message, good.R8, good.S);
add("A with coordinates exchanged", false, [key[1], key[0]], message, good.R8, good.S);
add("A off the curve", false, [key[0], F.add(key[1], F.one)], message, good.R8, good.S);
add("A = (0, 0), as the reserved accounts", false, [F.zero, F.zero], message, good.R8, good.S);
add("R8 off the curve", false, key, message, [F.add(good.R8[0], F.one), good.R8[1]], good.S);
add("R8 = (0, 0)", false, key, message, [F.zero, F.zero], good.S);
// S = r makes the equation hold for every A with 8A = O.
const nonce = BigInt("0x" + bytes().toString("hex")) % l, r8 = times(babyjub.Base8, nonce);
smallOrder.forEach((a, i) => add(`A of small order, ${i} times the point of order 8`, false, a, message, r8, nonce));
// The equation is not multiplied by 8: a component of small order in R8 is refused, one in A disappears in 8A.
smallOrder.forEach((t, i) => {
  const mixed = babyjub.addPoint(r8, t);
  add(`R8 plus ${i} times the point of order 8`, i === 0, key, message, mixed, mod(nonce + challenge(mixed, key, message) * secret));
  add(`R8 = ${i} times the point of order 8`, i === 0, key, message, t, mod(challenge(t, key, message) * secret));
  const shifted = babyjub.addPoint(key, t);
  add(`A plus ${i} times the point of order 8`, true, shifted, message, r8, mod(nonce + challenge(r8, shifted, message) * secret));
});
write("eddsa-edge", edge);

// Keys from a wallet: typed data, signature and HKDF by other implementations than the C# ones.
const purpose = "Derive my trading and viewing keys. Sign this only in the Rollup client: whoever holds the signature holds the keys.";
const derivations = [];
for (const [chainId, vault] of [[31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3"], [1, "0x00000000219ab540356cBB839Cbe05303d7705Fa"]]) {
  for (let i = 0; i < 4; i++) {
    const wallet = new ethers.Wallet(bytes());
    const domain = { name: "Rollup", version: "1", chainId, verifyingContract: vault };
    const types = { DeriveKeys: [{ name: "purpose", type: "string" }, { name: "owner", type: "address" }] };
    const value = { purpose, owner: wallet.address };
    const signature = await wallet._signTypedData(domain, types, value);
    const hkdf = (info, length) => Buffer.from(hkdfSync("sha256", Buffer.from(signature.slice(2), "hex"), "rollup keys v1", info, length));
    const seed = hkdf("eddsa seed", 32);
    derivations.push({
      chainId, vault: vault.toLowerCase(), owner: wallet.address.toLowerCase(),
      digest: ethers.utils._TypedDataEncoder.hash(domain, types, value), signature, seed: seed.toString("hex"), publicKey: point(eddsa.prv2pub(seed)),
      viewKey: (BigInt("0x" + hkdf("view key", 64).toString("hex")) % r).toString(),
    });
  }
}
write("key-derivation", derivations);

process.exit(0); // the curve's worker threads would keep the process alive
