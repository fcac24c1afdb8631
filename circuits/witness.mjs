#!/usr/bin/env node
// Calculates witnesses for tests. One JSON request a line on stdin, one JSON answer a line on stdout, until stdin ends:
//   {"wasm": path, "input": path of a JSON file, "output": path of the .wtns to write}
//   -> {"violations": [messages of an unchecked generator]} or {"error": message}
import fs from "node:fs";
import readline from "node:readline";
import { WitnessCalculatorBuilder } from "circom_runtime";

// Instantiating a circuit's WASM costs seconds, a witness a fraction of one: keep the instances.
const calculators = new Map();
async function calculatorOf(wasm) {
  if (!calculators.has(wasm)) calculators.set(wasm, await WitnessCalculatorBuilder(fs.readFileSync(wasm)));
  return calculators.get(wasm);
}

// The unchecked generator reports through console.log; everything else it says goes there too.
let violations = [];
console.log = (...words) => violations.push(words.join(" "));
console.error = console.log;

for await (const line of readline.createInterface({ input: process.stdin })) {
  violations = [];
  let answer;
  try {
    const { wasm, input, output } = JSON.parse(line);
    const calculator = await calculatorOf(wasm);
    try {
      fs.writeFileSync(output, await calculator.calculateWTNSBin(JSON.parse(fs.readFileSync(input, "utf8")), false));
      answer = { violations };
    } catch (error) {
      calculators.delete(wasm); // an instance that stopped half-way is not used again
      throw error;
    }
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
