// The signature template decides every edge of spec/vectors/eddsa-edge.json as the C# verifier does.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as snarkjs from "snarkjs";

const repository = fileURLToPath(new URL("../..", import.meta.url));
fs.mkdirSync(path.join(repository, ".cache"), { recursive: true });
const folder = fs.mkdtempSync(path.join(repository, ".cache", "signature-test-"));
after(async () => {
  fs.rmSync(folder, { recursive: true });
  await globalThis.curve_bn128?.terminate(); // snarkjs leaves its workers running
});

test("accepts and refuses what the vectors say, by constraints and not by the generator's refusal", async () => {
  const main = path.join(folder, "edges.circom");
  fs.writeFileSync(main, 'pragma circom 2.2.0;\ninclude "lib/signature.circom";\ncomponent main = VerifySignature();\n');
  const [circuit] = JSON.parse(execFileSync(process.execPath, [path.join(repository, "circuits/compile.mjs"), "--stats", "--unchecked", main], { stdio: ["ignore", "pipe", "inherit"] }));
  const cases = JSON.parse(fs.readFileSync(path.join(repository, "spec/vectors/eddsa-edge.json")));
  const accepted = async (c, enabled) => {
    const witness = { type: "mem" };
    const input = { enabled, ax: c.publicKey[0], ay: c.publicKey[1], r8x: c.r8[0], r8y: c.r8[1], s: c.s, message: c.message };
    await snarkjs.wtns.calculate(input, circuit.unchecked, witness);
    return snarkjs.wtns.check(circuit.r1cs, witness, { info() {}, warn() {} });
  };
  assert.equal(cases.filter((c) => c.valid).length, 11);
  for (const c of cases) assert.equal(await accepted(c, 1), c.valid, c.name);
  // A disabled row may carry any signature, but its points are on the curve.
  for (const name of ["another message", "S + 1 l", "A of small order, 0 times the point of order 8"]) assert.equal(await accepted(cases.find((c) => c.name === name), 0), true, name);
  for (const name of ["A off the curve", "R8 off the curve"]) assert.equal(await accepted(cases.find((c) => c.name === name), 0), false, name);
});
