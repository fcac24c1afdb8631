// One prover process of the prover bridge. It keeps a circuit's witness generator and proving key in memory and serves one request
// after the other: JSON lines on standard input, one JSON line each on standard output. It ends when standard input does, so it never
// outlives the bridge.
//
//   {"id": 1, "op": "load", "wasm": PATH, "zkey": PATH or null}
//   {"id": 2, "op": "witness", "input": PATH, "wtns": PATH}            input.json -> witness
//   {"id": 3, "op": "prove", "wtns": PATH, "proof": PATH, "public": PATH}
//   -> {"id": 3, "ok": true, "seconds": 1.25}   or   {"id": 3, "ok": false, "error": TEXT}
//
// Inputs and witnesses hold view keys: replies and messages name files and signals, never values.
import fs from "node:fs/promises";
import { WitnessCalculatorBuilder } from "circom_runtime";
import * as snarkjs from "snarkjs";

const longestLine = 64 << 10;
const longestError = 2000;

// Libraries log to the console; standard output carries replies alone.
console.log = console.info = console.debug = console.warn = console.error;

const circuit = { wasm: null, calculator: null, zkey: null };

async function load({ wasm, zkey }) {
  circuit.wasm = await fs.readFile(wasm);
  circuit.calculator = await WitnessCalculatorBuilder(circuit.wasm);
  circuit.zkey = zkey ? new Uint8Array(await fs.readFile(zkey)) : null;
}

async function witness({ input, wtns }) {
  if (!circuit.wasm) throw new Error("no circuit is loaded");
  let signals;
  try {
    signals = JSON.parse(await fs.readFile(input, "utf8"));
  } catch (error) {
    // The parser's message quotes the text.
    throw new Error(`${input} is not readable JSON (${error.code ?? error.name})`);
  }
  circuit.calculator ??= await WitnessCalculatorBuilder(circuit.wasm);
  try {
    await fs.writeFile(wtns, await circuit.calculator.calculateWTNSBin(signals, true));
  } catch (error) {
    // After an error the generator would go on with what it has collected of this one.
    circuit.calculator = null;
    throw error;
  }
}

async function prove({ wtns, proof, public: publicFile }) {
  if (!circuit.zkey) throw new Error("no proving key is loaded");
  const result = await snarkjs.groth16.prove(circuit.zkey, wtns);
  await fs.writeFile(proof, JSON.stringify(result.proof));
  await fs.writeFile(publicFile, JSON.stringify(result.publicSignals));
}

const operations = { load, witness, prove };

async function serve(line) {
  const started = performance.now();
  let id = null;
  let reply;
  try {
    const request = JSON.parse(line);
    id = request.id;
    if (!Object.hasOwn(operations, request.op)) throw new Error(`unknown operation; known: ${Object.keys(operations).join(", ")}`);
    await operations[request.op](request);
    reply = { id, ok: true, seconds: (performance.now() - started) / 1000 };
  } catch (error) {
    reply = { id, ok: false, error: String(error?.message ?? error).trim().slice(0, longestError) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

// An interrupt from the terminal reaches the bridge too, which then closes standard input.
process.on("SIGINT", () => {});

function accept(line) {
  if (line.length > longestLine) {
    console.error(`a request has more than ${longestLine} characters`);
    process.exit(2);
  }
  queue = queue.then(() => serve(line));
}

let pending = "";
let queue = Promise.resolve();
process.stdin.setEncoding("utf8");
process.stdin.on("data", (text) => {
  const lines = (pending + text).split("\n");
  pending = lines.pop();
  lines.forEach(accept);
  if (pending.length > longestLine) accept(pending);
});
process.stdin.on("end", () => process.exit(0));
