// What demo.sh asks of the chain and of saved copies.
//   balance RPC SESSION            stablecoin of taker-1's wallet
//   tamper data|root|proof FOLDER  changes one byte in a copy that state-verifier saved
//   table RPC SESSION SESSION.TXT JOBS CONSTRAINTS
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [command, ...args] = process.argv.slice(2);
const read = (file) => JSON.parse(readFileSync(file, "utf8"));
const flip = (hex, byte) => {
  const at = 2 + 2 * byte;
  return hex.slice(0, at) + (parseInt(hex[at], 16) ^ 1).toString(16) + hex.slice(at + 1);
};

async function call(rpc, method, ...params) {
  const answer = await fetch(rpc, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result, error } = await answer.json();
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

if (command === "balance") {
  const [rpc, session] = args;
  const owner = read(join(session, "taker-1.key.json")).owner.slice(2).toLowerCase();
  const { cash } = read(join(session, "deployment.json"));
  console.log(BigInt(await call(rpc, "eth_call", { to: cash, data: "0x70a08231" + owner.padStart(64, "0") }, "latest")).toString());
} else if (command === "tamper") {
  const [what, folder] = args;
  if (what === "root") {
    const file = join(folder, "vault.json"), vault = read(file);
    // BatchFinalized(uint32 indexed batch, uint256 root): the only log of two topics and one word of data that ends a batch's life.
    const finals = vault.logs.filter((log) => log.topics.length === 2 && log.data.length === 66);
    finals.at(-1).data = flip(finals.at(-1).data, 31);
    writeFileSync(file, JSON.stringify(vault));
  } else {
    const file = join(folder, "batches", "00000002.json"), batch = read(file);
    // commitBatch: selector, offset of the tuple, its 9 head words, length of `words`; then the words. proveBatch: selector, batch, then the points.
    if (what === "data") batch.commit.input = flip(batch.commit.input, 4 + 11 * 32 + 10 * 32 + 20);
    else batch.proof.input = flip(batch.proof.input, 4 + 32 + 31);
    writeFileSync(file, JSON.stringify(batch));
  }
} else if (command === "table") {
  const [, , sessionText, jobsText, constraints] = args;
  const said = Object.fromEntries(readFileSync(sessionText, "utf8").split("\n").map((line) => line.match(/^(orders|cancels|fills) (\d+)$/)).filter(Boolean).map((m) => [m[1], m[2]]));
  const jobs = JSON.parse(jobsText);
  const gas = (job, action) => job.transactions.find((t) => t.action === action)?.gas ?? "";
  console.table(jobs.map((job) => ({
    batch: job.batch, proof: job.proof, chain: job.chain, "proof seconds": Number(job.proofSeconds?.toFixed(1)),
    "gas commit": gas(job, "commit"), "gas prove": gas(job, "prove"), "gas finalize": gas(job, "finalize"),
  })));
  console.table([{ batches: jobs.length, orders: said.orders, cancels: said.cancels, fills: said.fills, constraints,
    "seconds a proof": (jobs.reduce((sum, job) => sum + (job.proofSeconds ?? 0), 0) / jobs.length).toFixed(1) }]);
} else {
  console.error(`report.mjs: unknown command ${command}`);
  process.exit(2);
}
