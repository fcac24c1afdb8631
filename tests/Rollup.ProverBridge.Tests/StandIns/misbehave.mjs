// A worker that loads well and then answers a witness request as its input file's name says.
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";

const kept = [];
const behaviours = {
  leak: () => kept.push(Buffer.alloc(600 << 20, 1)),
  garbage: () => console.log("this is no reply"),
  flood: () => process.stdout.write("x".repeat(100_000)),
  other: () => console.log(JSON.stringify({ id: 99, ok: true })),
  // Never answers, except where an earlier worker has left its mark.
  hang: ({ id, input }) => {
    if (fs.existsSync(`${input}.mark`)) console.log(JSON.stringify({ id, ok: true, seconds: 0 }));
    else fs.writeFileSync(`${input}.mark`, String(process.pid));
  },
  exit: () => {
    console.error("cannot go on");
    process.exit(7);
  },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  if (request.op === "load") console.log(JSON.stringify({ id: request.id, ok: true, seconds: 0 }));
  else behaviours[path.basename(request.input)](request);
}
