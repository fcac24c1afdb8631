#!/usr/bin/env node
// Counts constraints and writes bench/constraints.json. usage: node bench/constraints.mjs [PROFILE...]   (default: all profiles)
// Profiles not named keep their committed counts. A part's cost is what one more of it adds to Settlement(1, 1, 1, 1, 1, 1)
// (of relief, to one with two blocks),
// and `withSponges` adds all that its elements of transcript and public data can cost: the sponges step every 15 elements.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const file = join(root, "bench/constraints.json");
const spec = JSON.parse(readFileSync(join(root, "spec/protocol.json"), "utf8"));
const compile = (circuits) => JSON.parse(execFileSync(process.execPath, [join(root, "circuits/compile.mjs"), "--stats", ...circuits],
  { stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 24 }));

let committed = { profiles: {} };
try { committed = JSON.parse(readFileSync(file, "utf8")); } catch { /* the first run */ }
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(spec.profiles);

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
parts.riskRow = Math.ceil(parts.bucket / spec.bounds.rowsPerBucket);
// Elements absorbed: a block 18 + 8, a row 9 + 1, a forced row 3, a relief 23. One Poseidon(16) is 609 constraints.
const absorbed = { accountBlock: 26, signedRow: 10, forcedRow: 3, relief: 23 };
const withSponges = Object.fromEntries(Object.entries(absorbed).map(([name, elements]) => [name, parts[name] + Math.ceil(elements * 609 / 15)]));

const profiles = committed.profiles;
for (const result of compile(names)) {
  profiles[result.name] = { ...spec.profiles[result.name], constraints: result.constraints, wires: result.wires };
}
writeFileSync(file, JSON.stringify({ compiler: "circom 2.2.3 --O2", parts, withSponges, profiles }, null, 2) + "\n");
console.log(readFileSync(file, "utf8"));
