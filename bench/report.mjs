// Puts together bench/results.md. usage: node bench/report.mjs FOLDER
// FOLDER: table (what bench/Rollup.Bench printed), compile.PROFILE and keys.PROFILE ("elapsed processor" seconds), as bench/run.sh leaves them.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const folder = process.argv[2];
const json = (file) => JSON.parse(fs.readFileSync(path.join(root, file), "utf8"));
const table = (heads, rows) => [`| ${heads.join(" | ")} |`, `|${heads.map((_, i) => (i === 0 ? "---" : "---:")).join("|")}|`, ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
const number = (value) => Number(value).toLocaleString("en-US");
const seconds = (name) => {
  try {
    const [elapsed, processor] = fs.readFileSync(path.join(folder, name), "utf8").trim().split(" ");
    return `${elapsed} s (${processor} s)`;
  } catch {
    return "";
  }
};

const commit = execFileSync("git", ["-C", root, "describe", "--always", "--dirty"], { encoding: "utf8" }).trim();
const constraints = json("bench/constraints.json");
const measured = fs.readFileSync(path.join(folder, "table"), "utf8").trimEnd().split("\n").slice(1).map((line) => line.split(/ {2,}/));

console.log(`# Results

Written by \`make bench\` on ${new Date().toISOString().slice(0, 10)}, commit ${commit}: ${os.cpus()[0].model.trim()}, ${os.cpus().length} cores, ${Math.round(os.totalmem() / 2 ** 30)} GB, Node.js ${process.version}, .NET ${execFileSync("dotnet", ["--version"], { encoding: "utf8", cwd: root }).trim()}.
Load at the end: ${os.loadavg().map((load) => load.toFixed(1)).join(", ")} (1, 5, 15 minutes). On a shared machine the median counts the neighbours in; the best and the processor time hardly do.

## Programs

${table(["operation", "section", "median", "best", "processor", "unit"], measured.map((row) => {
  const [section, what, ...rest] = row;
  const [median, best, cpu] = rest.length === 4 ? rest : [rest[0], "", ""];
  return [what, section, median, best, cpu, rest.at(-1)];
}))}

## Circuits

${constraints.compiler}. Compiling and development keys: elapsed seconds, processor seconds in brackets; empty where not run.

${table(["profile", "blocks", "rows", "operations", "buckets", "constraints", "wires", "compile", "keys"], Object.entries(constraints.profiles).map(([name, p]) =>
  [name, p.blocks, p.rows, p.operations, p.buckets, number(p.constraints), number(p.wires), seconds(`compile.${name}`), seconds(`keys.${name}`)]))}

What one more of a part adds:

${table(["part", "constraints"], Object.entries(constraints.parts).map(([name, count]) => [name, number(count)]))}

## Gas

Of whole transactions with their data, measured by the Foundry tests.

${table(["call", "gas"], Object.entries(json("bench/gas.json")).map(([name, gas]) => [name, number(gas)]))}`);
