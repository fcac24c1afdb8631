// Static analysis of every template by circomspect: each finding is answered in circuits/CIRCOMSPECT.md, and listed in circuits/circomspect.json.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const circuits = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(path.join(circuits, "..", "package.json"));
const analyser = path.join(path.dirname(require.resolve("circomspect/package.json")), "cli.js");
const library = path.join(path.dirname(require.resolve("circomlib/package.json")), "circuits");
const folders = ["lib", "risk", "settlement", "exit", "main"];
const stage = fs.mkdtempSync(path.join(os.tmpdir(), "rollup-circomspect-"));
after(() => fs.rmSync(stage, { recursive: true }));

/** The finding's place in the source as it is said in circomspect.json: template or function, and signal, variable, component or parameter. */
function placeOf(result) {
  const location = result.locations[0].physicalLocation;
  const lines = fs.readFileSync(path.join(stage, location.artifactLocation.uri.replace("file://", "")), "utf8").split("\n");
  const at = location.region.startLine - 1;
  let above = at;
  while (above > 0 && !/^(template|function) /.test(lines[above])) above--;
  const template = /^(?:template|function) (\w+)/.exec(lines[above])?.[1] ?? "";
  const text = lines[at].slice(location.region.startColumn - 1);
  let signal = /^\s*(?:(?:var|component|signal|input|output)\s+)*(\w+)/.exec(lines[at])?.[1] ?? text;
  const output = /^The output signal `(\w+)`/.exec(result.message.text)?.[1];
  if (output) signal = `${signal}.${output}`;
  const parameter = /^The parameter `(\w+)`/.exec(result.message.text)?.[1];
  if (above === at) signal = parameter ?? template;
  return { kind: result.ruleId, template, signal };
}

/** Runs circomspect over files of the stage. It looks for includes beside the file alone, so circomlib stands in every folder; only the files named are judged. */
function findings(files) {
  const sarif = path.join(stage, "out.sarif");
  fs.rmSync(sarif, { force: true });
  const run = spawnSync(process.execPath, [analyser, ...files, "-s", "out.sarif"], { cwd: stage, encoding: "utf8", maxBuffer: 1 << 26 });
  assert.ok(fs.existsSync(sarif), `circomspect wrote no result: ${run.stdout}${run.stderr}`);
  const { results } = JSON.parse(fs.readFileSync(sarif, "utf8")).runs[0];
  return { results, analysed: [...run.stdout.matchAll(/analyzing (?:template|function) '(\w+)'/g)].map((match) => match[1]) };
}

for (const folder of folders) {
  fs.mkdirSync(path.join(stage, folder));
  for (const [from, name] of [...list(library), ...list(path.join(circuits, folder))]) fs.copyFileSync(path.join(from, name), path.join(stage, folder, name));
}

function list(folder) {
  return fs.readdirSync(folder).filter((name) => name.endsWith(".circom")).map((name) => [folder, name]);
}

test("circomspect finds nothing that is not answered, and every answer is of a finding", () => {
  const files = folders.flatMap((folder) => list(path.join(circuits, folder)).map(([, name]) => `${folder}/${name}`));
  const { results, analysed } = findings(files);
  const ours = files.flatMap((file) => [...fs.readFileSync(path.join(circuits, file), "utf8").matchAll(/^(?:template|function) (\w+)/gm)].map((match) => match[1]));
  assert.deepEqual(ours.filter((name) => !analysed.includes(name)), [], "every template and function is analysed");

  const { answered } = JSON.parse(fs.readFileSync(path.join(circuits, "circomspect.json"), "utf8"));
  const key = ({ kind, template, signal }) => `${kind} ${template}.${signal}`;
  const found = new Set(results.map((result) => key(placeOf(result)))), known = new Set(answered.map(key));
  assert.equal(known.size, answered.length, "an answer stands twice");
  const messages = results.filter((result) => !known.has(key(placeOf(result)))).map((result) => `${key(placeOf(result))}: ${result.message.text}`);
  assert.deepEqual(messages, [], "mend these, or answer them in CIRCOMSPECT.md and circomspect.json");
  assert.deepEqual([...known].filter((name) => !found.has(name)), [], "these are found no more: remove their answers");

  const text = fs.readFileSync(path.join(circuits, "CIRCOMSPECT.md"), "utf8");
  const sections = text.split(/^## /m).slice(1);
  for (const answer of answered) {
    const section = sections.find((s) => s.startsWith(answer.kind));
    assert.ok(section?.includes(`\`${answer.template}\``), `CIRCOMSPECT.md has no answer for ${key(answer)}`);
  }
});

test("an unconstrained signal is found", () => {
  fs.writeFileSync(path.join(stage, "main", "sample.circom"), "pragma circom 2.2.0;\ntemplate Free() {\n    signal input a;\n    signal output c;\n    c <-- a == 0 ? 0 : 1 / a;\n}\ncomponent main = Free();\n");
  assert.deepEqual(findings(["main/sample.circom"]).results.map(placeOf).find((place) => place.kind === "CS0005"), { kind: "CS0005", template: "Free", signal: "c" });
});
