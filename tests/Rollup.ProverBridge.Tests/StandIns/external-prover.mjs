// Stands in for a native prover: reads a .zkey and a .wtns, writes proof.json and public.json, through snarkjs.
// usage: external-prover.mjs honest|fail|hang|silent|tamper ZKEY WTNS PROOF PUBLIC
import fs from "node:fs";
import * as snarkjs from "snarkjs";

const [behaviour, zkey, wtns, proofFile, publicFile] = process.argv.slice(2);
if (behaviour === "fail") {
  console.error("the key is for another circuit");
  process.exit(3);
}
if (behaviour === "hang") setInterval(() => {}, 1000);
else if (behaviour === "silent") process.exit(0);
else {
  const { proof, publicSignals } = await snarkjs.groth16.prove(zkey, wtns);
  if (behaviour === "tamper") [proof.pi_a, proof.pi_c] = [proof.pi_c, proof.pi_a];
  fs.writeFileSync(proofFile, JSON.stringify(proof));
  fs.writeFileSync(publicFile, JSON.stringify(publicSignals));
  process.exit(0);
}
