#!/usr/bin/env node
// Compiles circuits into a cache keyed by content, so that a circuit is compiled once per change of anything it includes.
// circom2 is a WASM program whose sandbox sees only the working folder and no symbolic links, so the sources that a
// circuit reaches are first copied into a staging folder, and the compiler runs there.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const usage = `usage: node circuits/compile.mjs [options] CIRCUIT...

CIRCUIT is NAME, for circuits/main/NAME.circom, or the path of a .circom file with a main component.

  --stats      print a JSON array on stdout instead of one line per circuit
  --unchecked  also make circuit.unchecked.wasm, a witness generator that reports a violated === or assert as a message and
               goes on (soundness tests only)
  --O1         light simplification: faster to compile, about twice the constraints (quick experiments only)
  --help       print this text

Output goes to $ROLLUP_CACHE/circuits/NAME-HASH/ (default <repository>/.cache): circuit.r1cs, circuit.sym, circuit.wasm.`;

const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const cache = path.resolve(process.env.ROLLUP_CACHE || path.join(repository, ".cache"), "circuits");
const libraries = ["node_modules/circomlib/circuits", "circuits", "."];
const layoutVersion = 2;

class UsageError extends Error {}

function compilerPackage() {
  const require = createRequire(path.join(repository, "package.json"));
  try {
    const manifest = require.resolve("circom2/package.json");
    return { cli: path.join(path.dirname(manifest), "cli.js"), version: require(manifest).version };
  } catch {
    throw new UsageError("circom2 is not installed: run `make setup`");
  }
}

function includesOf(source) {
  const withoutComments = source.replace(/\/\*[\s\S]*?\*\//g, " ").replace(/\/\/[^\n]*/g, " ");
  return [...withoutComments.matchAll(/\binclude\s+"([^"]+)"\s*;/g)].map((match) => match[1]);
}

/** Every source the circuit reaches, as a sorted list of [repository-relative path, bytes]. */
function closure(main) {
  const sources = new Map();
  const pending = [main];
  while (pending.length > 0) {
    const file = pending.pop();
    if (sources.has(file)) continue;
    const bytes = fs.readFileSync(path.join(repository, file));
    sources.set(file, bytes);
    for (const include of includesOf(bytes.toString("utf8"))) {
      const candidates = [path.dirname(file), ...libraries].map((folder) => path.normalize(path.join(folder, include)));
      const found = candidates.find((candidate) => fs.existsSync(path.join(repository, candidate)));
      if (found === undefined) throw new UsageError(`${file}: include "${include}" not found; looked for ${candidates.join(", ")}`);
      if (found.startsWith("..")) throw new UsageError(`${file}: include "${include}" leaves the repository`);
      pending.push(found);
    }
  }
  return [...sources].sort(([a], [b]) => (a < b ? -1 : 1));
}

function hashOf(sources, compiler, flags) {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([layoutVersion, compiler.version, flags]));
  for (const [file, bytes] of sources) hash.update(`\0${file}\0${bytes.length}\0`).update(bytes);
  return hash.digest("hex").slice(0, 20);
}

/** Counts from the header section of an r1cs file (iden3 binary format, version 1). */
export function readR1csHeader(file) {
  const fd = fs.openSync(file, "r");
  try {
    const at = (offset, length) => {
      const buffer = Buffer.alloc(length);
      if (fs.readSync(fd, buffer, 0, length, offset) !== length) throw new Error(`${file}: truncated at byte ${offset}`);
      return buffer;
    };
    if (at(0, 4).toString("latin1") !== "r1cs") throw new Error(`${file}: not an r1cs file`);
    const sections = at(8, 4).readUInt32LE();
    for (let section = 0, offset = 12; section < sections; section++) {
      const start = at(offset, 12);
      const size = Number(start.readBigUInt64LE(4));
      if (start.readUInt32LE() === 1) {
        const fieldBytes = at(offset + 12, 4).readUInt32LE();
        const counts = at(offset + 16 + fieldBytes, 28);
        return {
          constraints: counts.readUInt32LE(24),
          wires: counts.readUInt32LE(0),
          publicOutputs: counts.readUInt32LE(4),
          publicInputs: counts.readUInt32LE(8),
          privateInputs: counts.readUInt32LE(12),
          labels: Number(counts.readBigUInt64LE(16)),
        };
      }
      offset += 12 + size;
    }
    throw new Error(`${file}: no header section`);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Lets a WASM witness generator go on after a violated `===` or `assert`. circom's own --sanity_check changes only the
 * C++ generator, so the generated code is patched. Each check compiles to
 *   i32.eqz if (i32.const TEMPLATE) (i32.const LINE) (call buildBufferMessage) (call printErrorMessage) i32.const 4 return end
 * where printErrorMessage is import 1. `i32.const 4 return` becomes three nops: the message naming template and line
 * still reaches the host. Every other abort (array bounds, missing inputs) stays.
 */
function disarmAssertions(file, target) {
  const bytes = fs.readFileSync(file);
  const skipLeb = (at) => {
    while (bytes[at] & 0x80) at++;
    return at + 1;
  };
  const endOfMessage = (at) => {
    for (const opcode of [0x41, 0x41, 0x10]) {
      if (bytes[at] !== opcode) return -1;
      at = skipLeb(at + 1);
    }
    return bytes[at] === 0x10 && bytes[at + 1] === 1 ? at + 2 : -1;
  };
  const start = Buffer.from([0x45, 0x04, 0x40]);
  const stop = Buffer.from([0x41, 0x04, 0x0f, 0x0b]);
  let disarmed = 0;
  for (let at = bytes.indexOf(start); at >= 0; at = bytes.indexOf(start, at + 1)) {
    const end = endOfMessage(at + start.length);
    if (end < 0 || bytes.compare(stop, 0, 4, end, end + 4) !== 0) continue;
    bytes.fill(0x01, end, end + 3);
    disarmed++;
  }
  if (disarmed === 0) throw new Error(`${file}: no assertion found; has circom changed its generated code?`);
  // Renamed into place, so that a second process never sees half a file.
  const partial = `${target}.${process.pid}`;
  fs.writeFileSync(partial, bytes);
  fs.renameSync(partial, target);
  console.error(`disarmed ${disarmed} assertions of the witness generator`);
}

function runCompiler(compiler, folder, args, name) {
  return new Promise((resolve, reject) => {
    const started = Date.now();
    const child = spawn(process.execPath, [compiler.cli, ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (log += text));
    const ticker = setInterval(() => console.error(`  ${name}: ${Math.round((Date.now() - started) / 1000)} s`), 15_000);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearInterval(ticker);
      if (code === 0) return resolve((Date.now() - started) / 1000);
      reject(new UsageError(`circom failed on ${name} (${signal ?? `exit code ${code}`}):\n${log.trim()}`));
    });
  });
}

async function compile(circuit, options, compiler) {
  const main = circuit.endsWith(".circom")
    ? path.relative(repository, path.resolve(circuit))
    : path.join("circuits", "main", `${circuit}.circom`);
  if (main.startsWith("..") || !fs.existsSync(path.join(repository, main)))
    throw new UsageError(`no circuit ${circuit}: ${main} does not exist in ${repository}`);

  const name = path.basename(main, ".circom");
  const flags = [options.level];
  const sources = closure(main);
  const hash = hashOf(sources, compiler, flags);
  const folder = path.join(cache, `${name}-${hash}`);
  const output = (extension) => path.join(folder, `circuit.${extension}`);
  const cached = fs.existsSync(folder);
  let seconds = 0;

  if (!cached) {
    console.error(`compiling ${name} (circom2 ${compiler.version} ${flags.join(" ")}, ${sources.length} files)`);
    fs.mkdirSync(cache, { recursive: true });
    const staging = fs.mkdtempSync(path.join(cache, `.${name}-`));
    try {
      for (const [file, bytes] of sources) {
        fs.mkdirSync(path.dirname(path.join(staging, "in", file)), { recursive: true });
        fs.writeFileSync(path.join(staging, "in", file), bytes);
      }
      const reached = libraries.filter((library) => fs.existsSync(path.join(staging, "in", library)));
      fs.mkdirSync(path.join(staging, "in", ".out"));
      const args = [...flags, "--r1cs", "--wasm", "--sym", "-o", ".out", ...reached.map((library) => `-l=${library}`), main];
      seconds = await runCompiler(compiler, path.join(staging, "in"), args, name);
      const compiled = path.join(staging, "in", ".out");
      fs.mkdirSync(path.join(staging, "out"));
      for (const [from, to] of [[`${name}.r1cs`, "circuit.r1cs"], [`${name}.sym`, "circuit.sym"], [`${name}_js/${name}.wasm`, "circuit.wasm"]])
        fs.renameSync(path.join(compiled, from), path.join(staging, "out", to));
      try {
        fs.renameSync(path.join(staging, "out"), folder);
      } catch (error) {
        // Another process compiled the same sources meanwhile: equal content, keep its copy.
        if (!["ENOTEMPTY", "EEXIST"].includes(error.code)) throw error;
      }
    } finally {
      fs.rmSync(staging, { recursive: true, force: true });
    }
    console.error(`compiled ${name} in ${seconds.toFixed(1)} s`);
  }
  if (options.unchecked && !fs.existsSync(output("unchecked.wasm"))) disarmAssertions(output("wasm"), output("unchecked.wasm"));
  return {
    name, ...readR1csHeader(output("r1cs")), cached, seconds, r1cs: output("r1cs"), wasm: output("wasm"), sym: output("sym"),
    ...(options.unchecked ? { unchecked: output("unchecked.wasm") } : {}),
  };
}

async function run(args) {
  const options = { level: "--O2", stats: false, unchecked: false };
  const circuits = [];
  for (const argument of args) {
    if (argument === "--help") return console.log(usage);
    if (argument === "--stats") options.stats = true;
    else if (argument === "--unchecked") options.unchecked = true;
    else if (argument === "--O1") options.level = "--O1";
    else if (argument.startsWith("-")) throw new UsageError(`unknown option ${argument}\n\n${usage}`);
    else circuits.push(argument);
  }
  if (circuits.length === 0) throw new UsageError(`no circuit named\n\n${usage}`);

  const compiler = compilerPackage();
  const results = [];
  for (const circuit of circuits) results.push(await compile(circuit, options, compiler));
  if (options.stats) return console.log(JSON.stringify(results, null, 2));
  for (const result of results)
    console.log(`${result.name}: ${result.constraints} constraints, ${result.wires} wires, ${result.publicInputs} public inputs -> ${path.dirname(result.r1cs)}`);
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await run(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof UsageError ? `error: ${error.message}` : error);
    process.exitCode = 1;
  }
}
