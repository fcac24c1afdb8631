#!/usr/bin/env node
// Calculates witnesses for tests. One JSON request a line on stdin, one JSON answer a line on stdout, until stdin ends:
//   {"wasm": path, "input": path of a JSON file, "output": path of the .wtns to write}
//   -> {"violations": [what an unchecked generator reports]} or {"error": message}
import fs from "node:fs";
import readline from "node:readline";
import { WitnessCalculatorBuilder } from "circom_runtime";

// Instantiating a circuit's WASM costs seconds, a witness a fraction of one: keep the instances.
const calculators = new Map();
const reported = new WeakMap(); // lines of earlier witnesses in a calculator's report
async function calculatorOf(wasm) {
  if (!calculators.has(wasm)) calculators.set(wasm, await WitnessCalculatorBuilder(fs.readFileSync(wasm)));
  return calculators.get(wasm);
}

// circom's runtime collects what a generator reports and shows it only when the generator stops; an unchecked one never
// does. Stopping it afterwards, by a signal that does not exist, gives the collected text.
function reportOf(calculator) {
  try {
    calculator.instance.exports.setInputSignal(0, 0, 0);
  } catch (error) {
    return error.message;
  }
  throw new Error("the generator accepted a signal that does not exist");
}

console.error = () => {}; // the runtime prints the same text there

for await (const line of readline.createInterface({ input: process.stdin })) {
  let answer;
  try {
    const { wasm, input, output } = JSON.parse(line);
    const calculator = await calculatorOf(wasm);
    try {
      fs.writeFileSync(output, await calculator.calculateWTNSBin(JSON.parse(fs.readFileSync(input, "utf8")), false));
      const report = reportOf(calculator).split("\n").filter((text) => text.includes("template "));
      answer = { violations: report.slice(reported.get(calculator) ?? 0) };
      reported.set(calculator, report.length);
    } catch (error) {
      calculators.delete(wasm); // an instance that stopped half-way is not used again
      throw error;
    }
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
