#!/usr/bin/env node
// Counts constraints and writes bench/constraints.json. usage: node bench/constraints.mjs [NAME...]   (default: all profiles and circuits)
// NAME is a profile, or one of the circuits beside them (`others`). What is not named keeps its committed counts. A part's cost is what one more of it adds to Settlement(1, 1, 1, 1, 1, 1)
// (of relief, to one with two blocks),
// and `withSponges` its cost in a large circuit, with its share of the sponges over transcript and public data.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const file = join(root, "bench/constraints.json");
const spec = JSON.parse(readFileSync(join(root, "spec/protocol.json"), "utf8"));
const compile = (circuits) => JSON.parse(execFileSync(process.execPath, [join(root, "circuits/compile.mjs"), "--stats", ...circuits],
  { stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 24 }));

let committed = { profiles: {}, circuits: {} };
try { committed = JSON.parse(readFileSync(file, "utf8")); } catch { /* the first run */ }
const others = { exit: "exit", exit_three: "circuits/test/exit_three.circom", row: "row" };
const wanted = process.argv.length > 2 ? process.argv.slice(2) : [...Object.keys(spec.profiles), ...Object.keys(others)];
const names = wanted.filter((name) => !(name in others));

const folder = join(root, ".cache/parts");
mkdirSync(folder, { recursive: true });
const shapes = {
  base: [1, 1, 1, 1, 1, 1], accountBlock: [2, 1, 1, 1, 1, 1], signedRow: [1, 2, 1, 1, 1, 1], operation: [1, 1, 2, 1, 1, 1], bucket: [1, 1, 1, 2, 1, 1],
  forcedRow: [1, 1, 1, 1, 2, 1], relief: [2, 1, 1, 1, 1, 2],
};
const paths = Object.entries(shapes).map(([name, shape]) => {
  const path = join(folder, `${name}.circom`);
  writeFileSync(path, `pragma circom 2.2.0;\n\ninclude "circuits/settlement/settlement.circom";\n\ncomponent main {public [z, riskRoot]} = Settlement(${shape.join(", ")});\n`);
  return path;
});
const counts = Object.fromEntries(compile(paths).map((result) => [result.name, result.constraints]));
rmSync(folder, { recursive: true });
const parts = Object.fromEntries(Object.keys(shapes).filter((name) => name !== "base").map((name) => [name, counts[name] - (name === "relief" ? counts.accountBlock : counts.base)]));
// The sponges step every 15 elements, one Poseidon(16) of 609 constraints a step: in place of the steps that a part happened to add, its share of them.
const lengths = ([K, N, L, B, U, R]) => [4 + 18 * K + 23 * R + 9 * N + 3 * U + 3 * L + B, 5 + 5 * L + N + 8 * K, 1 + 32 * B];
const steps = (shape) => lengths(shape).reduce((sum, length) => sum + Math.ceil(length / 15), 0);
const absorbed = (shape) => lengths(shape).reduce((sum, length) => sum + length, 0);
const withSponges = Object.fromEntries(Object.keys(parts).map((name) => {
  const [shape, before] = [shapes[name], name === "relief" ? shapes.accountBlock : shapes.base];
  return [name, Math.ceil(parts[name] + 609 * ((absorbed(shape) - absorbed(before)) / 15 - (steps(shape) - steps(before))))];
}));

withSponges.riskRow = Math.ceil(withSponges.bucket / spec.bounds.rowsPerBucket);

const { profiles, circuits } = committed;
const otherPaths = wanted.filter((name) => name in others).map((name) => others[name]);
for (const result of otherPaths.length === 0 ? [] : compile(otherPaths)) {
  circuits[result.name] = { publicInputs: result.publicInputs, constraints: result.constraints, wires: result.wires };
}
for (const result of names.length === 0 ? [] : compile(names)) {
  profiles[result.name] = { ...spec.profiles[result.name], constraints: result.constraints, wires: result.wires };
}
writeFileSync(file, JSON.stringify({ compiler: "circom 2.2.3 --O2", parts, withSponges, profiles, circuits }, null, 2) + "\n");
console.log(readFileSync(file, "utf8"));
