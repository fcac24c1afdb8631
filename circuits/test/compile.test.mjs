// The circuit compiler's cache, its error messages, and the witness generator that survives a violated constraint.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as snarkjs from "snarkjs";

const compiler = fileURLToPath(new URL("../compile.mjs", import.meta.url));
const repository = path.resolve(path.dirname(compiler), "..");
fs.mkdirSync(path.join(repository, ".cache"), { recursive: true });
const folder = fs.mkdtempSync(path.join(repository, ".cache", "compile-test-"));
const main = path.join(folder, "sample.circom");
after(async () => {
  fs.rmSync(folder, { recursive: true });
  await globalThis.curve_bn128?.terminate(); // snarkjs leaves its workers running
});

// `c` is a hint: with another factor than 2 the generator itself is dishonest.
const write = (factor, include = "helper.circom") => {
  fs.writeFileSync(path.join(folder, "helper.circom"), "pragma circom 2.2.0; template Helper() { signal input in; in * (in - 1) === 0; }\n");
  fs.writeFileSync(main, `pragma circom 2.2.0;
include "${include}"; // include "commented-out.circom";
template Sample() {
  signal input a; signal input b; signal output c; signal square <== a * a;
  component helper = Helper(); helper.in <== b;
  c <-- ${factor} * a; c * a === 2 * square;
}
component main {public [a]} = Sample();
`);
};
const run = (...args) => spawnSync(process.execPath, [compiler, ...args, main], { encoding: "utf8", env: { ...process.env, ROLLUP_CACHE: folder } });
const stats = (...args) => JSON.parse(execFileSync(process.execPath, [compiler, "--stats", ...args, main], { env: { ...process.env, ROLLUP_CACHE: folder }, stdio: ["ignore", "pipe", "ignore"] }))[0];
const satisfied = async (circuit, input) => {
  const witness = { type: "mem" };
  await snarkjs.wtns.calculate(input, circuit.wasm, witness);
  return snarkjs.wtns.check(circuit.r1cs, witness, { info() {}, warn() {} });
};

test("compiles once, and again only when a source changes", () => {
  write(2);
  const first = stats();
  assert.deepEqual(
    { constraints: first.constraints, publicInputs: first.publicInputs, publicOutputs: first.publicOutputs, privateInputs: first.privateInputs, cached: first.cached },
    { constraints: 3, publicInputs: 1, publicOutputs: 1, privateInputs: 1, cached: false });
  assert.equal(stats().cached, true);
  fs.appendFileSync(path.join(folder, "helper.circom"), "// touched\n");
  const changed = stats();
  assert.equal(changed.cached, false);
  assert.notEqual(changed.r1cs, first.r1cs);
});

test("names the missing include, and shows the compiler's message", () => {
  write(2, "absent.circom");
  const missing = run();
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /sample\.circom: include "absent\.circom" not found/);
  write("undeclared");
  const broken = run();
  assert.equal(broken.status, 1);
  assert.match(broken.stderr, /undeclared/);
  assert.deepEqual(fs.readdirSync(path.join(folder, "circuits")).filter((name) => name.startsWith(".")), []);
});

test("the unchecked generator goes on where the checked one aborts, and the constraints still refuse", async () => {
  write(2);
  assert.equal(await satisfied(stats(), { a: 5, b: 1 }), true);
  const unchecked = () => { const circuit = stats("--unchecked"); return { ...circuit, wasm: circuit.unchecked }; };
  assert.equal(await satisfied(unchecked(), { a: 5, b: 1 }), true);
  await assert.rejects(satisfied(stats(), { a: 5, b: 3 }), /Error in template Helper/);
  assert.equal(await satisfied(unchecked(), { a: 5, b: 3 }), false);
  write(3);
  assert.equal(await satisfied(unchecked(), { a: 5, b: 1 }), false);
});
