// Writes spec/vectors/{field,poseidon,babyjub,eddsa}.json from circomlibjs: the reference that the C# cryptography must equal bit for bit.
// Deterministic: running it again changes nothing. Usage: node spec/gen/vectors.mjs
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { buildBabyjub, buildEddsa, buildPoseidon } from "circomlibjs";

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

process.exit(0); // the curve's worker threads would keep the process alive
