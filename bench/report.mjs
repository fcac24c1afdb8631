// Puts together bench/results.md. usage: node bench/report.mjs FOLDER
// FOLDER: table (what bench/Rollup.Bench printed), compile.PROFILE and keys.PROFILE ("elapsed processor" seconds), as bench/run.sh leaves them.
// Sections and compilations that were not run this time keep their rows of the present bench/results.md.
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

// The rows of the table under a heading of the present results, by their column heads; none of a table with other columns.
const results = path.join(root, "bench/results.md");
const present = fs.existsSync(results) ? fs.readFileSync(results, "utf8") : "";
const cells = (line) => line.split("|").slice(1, -1).map((cell) => cell.trim());
const before = (heading, heads) => {
  const lines = (present.split(`## ${heading}\n`)[1] ?? "").split("\n## ")[0].split("\n").filter((line) => line.startsWith("|"));
  return lines.length > 0 && cells(lines[0]).join() === heads.join() ? lines.slice(2).map(cells) : [];
};

const commit = execFileSync("git", ["-C", root, "describe", "--always", "--dirty"], { encoding: "utf8" }).trim();
const now = `${new Date().toISOString().slice(0, 10)}, ${commit}, ${os.loadavg()[1].toFixed(1)}`;
const programHeads = ["operation", "section", "median", "best", "processor", "unit", "date, commit, load"];
const measured = fs.readFileSync(path.join(folder, "table"), "utf8").trimEnd().split("\n").slice(1).map((line) => {
  const [section, what, ...rest] = line.split(/ {2,}/);
  const [median, best, cpu] = rest.length === 4 ? rest : [rest[0], "", ""];
  return [what, section, median, best, cpu, rest.at(-1), now];
});
const programs = [...before("Programs", programHeads), ...measured];
const newest = (section) => (measured.some((row) => row[1] === section) ? measured : programs).filter((row) => row[1] === section);

const constraints = json("bench/constraints.json");
const circuitHeads = ["profile", "blocks", "rows", "operations", "buckets", "constraints", "wires", "compile", "keys"];
const circuitsBefore = before("Circuits", circuitHeads);
const seconds = (profile, name) => {
  const file = path.join(folder, `${name}.${profile}`);
  if (!fs.existsSync(file)) return circuitsBefore.find((row) => row[0] === profile)?.[circuitHeads.indexOf(name)] ?? "";
  const [elapsed, processor] = fs.readFileSync(file, "utf8").trim().split(" ");
  return `${elapsed} s (${processor} s)`;
};

console.log(`# Results

Written by \`make bench\`: ${os.cpus()[0].model.trim()}, ${os.cpus().length} cores, ${Math.round(os.totalmem() / 2 ** 30)} GB, Node.js ${process.version}, .NET ${execFileSync("dotnet", ["--version"], { encoding: "utf8", cwd: root }).trim()}.
The load is the average of five minutes at the end. On a shared machine the median counts the neighbours in; the best and the processor time hardly do.

## Programs

${table(programHeads, [...new Set(programs.map((row) => row[1]))].flatMap(newest))}

## Circuits

${constraints.compiler}. Compiling; and development keys with the native witness library: elapsed seconds, processor seconds in brackets.

${table(circuitHeads, Object.entries(constraints.profiles).map(([name, p]) =>
  [name, p.blocks, p.rows, p.operations, p.buckets, number(p.constraints), number(p.wires), seconds(name, "compile"), seconds(name, "keys")]))}

What one more of a part adds:

${table(["part", "constraints"], Object.entries(constraints.withSponges).map(([name, count]) => [name, number(count)]))}

## Gas

Of whole transactions with their data, measured by the Foundry tests.

${table(["call", "gas"], Object.entries(json("bench/gas.json")).map(([name, gas]) => [name, number(gas)]))}`);
