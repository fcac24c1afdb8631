// Verifies proofs with snarkjs. usage: node snarkjs-verify.mjs VERIFICATION_KEY_FILE
// One case a line on stdin, one answer a line on stdout, until stdin ends:
//   PROOF PUBLIC -> true | false | error MESSAGE     (hex digits of 32-byte words: 8 as a contract's call carries them, and the public inputs)
import fs from "node:fs";
import readline from "node:readline";
import * as snarkjs from "snarkjs";

const key = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));

const wordsOf = (hex) => hex.match(/.{64}/g).map((word) => BigInt(`0x${word}`).toString());
// The contract's zeros are infinity, which snarkjs writes with a third coordinate of 0.
const isInfinite = (...coordinates) => coordinates.every((coordinate) => coordinate === "0");
const g1 = (x, y) => (isInfinite(x, y) ? ["0", "1", "0"] : [x, y, "1"]);
const g2 = (x1, x0, y1, y0) => (isInfinite(x1, x0, y1, y0) ? [["0", "0"], ["1", "0"], ["0", "0"]] : [[x0, x1], [y0, y1], ["1", "0"]]);

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [proof, inputs] = line.split(" ").map(wordsOf);
  try {
    const points = { pi_a: g1(...proof.slice(0, 2)), pi_b: g2(...proof.slice(2, 6)), pi_c: g1(...proof.slice(6)), protocol: "groth16", curve: "bn128" };
    console.log(String(await snarkjs.groth16.verify(key, inputs, points)));
  } catch (error) {
    console.log(`error ${error.message.replaceAll("\n", " ")}`);
  }
}
await globalThis.curve_bn128?.terminate();
