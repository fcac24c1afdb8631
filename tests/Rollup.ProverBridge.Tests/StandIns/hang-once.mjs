// A snarkjs worker that hangs in its first proof, and says so in the file `hung` two folders above the witness; after that file is
// there, it passes everything on to the real worker.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

const real = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../../prover-bridge/snarkjs-worker/worker.mjs");
const worker = spawn(process.execPath, [real], { stdio: ["pipe", "inherit", "inherit"] });

for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const marker = request.op === "prove" ? path.join(path.dirname(request.wtns), "..", "..", "hung") : null;
  if (marker && !fs.existsSync(marker)) fs.writeFileSync(marker, String(process.pid));
  else worker.stdin.write(`${line}\n`);
}
worker.stdin.end();
