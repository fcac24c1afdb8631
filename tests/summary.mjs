// Sums the results that tests/run.sh collected. Prints what failed and, as the last line, "N passed, N failed[, N skipped]".
// A runner that ends badly without a failed test (crash, compile error) counts as one failure, and so does a test project
// that left no results: without this a project missing from the solution would never run and nobody would notice.
import fs from "node:fs";
import path from "node:path";

const folder = process.argv[2];
const read = (name) => fs.readFileSync(path.join(folder, name), "utf8");
const unescape = (text) => text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name) => ({ lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" })[name]);

function dotnet() {
  const sum = { passed: 0, failed: 0, skipped: 0, failures: [] };
  for (const file of fs.readdirSync(folder).filter((name) => name.endsWith(".trx"))) {
    for (const [result] of read(file).matchAll(/<UnitTestResult [^>]*>/g)) {
      const outcome = /\boutcome="(\w+)"/.exec(result)[1];
      if (outcome === "Passed") sum.passed++;
      else if (outcome === "NotExecuted") sum.skipped++;
      else {
        sum.failed++;
        sum.failures.push(unescape(/\btestName="([^"]*)"/.exec(result)[1]));
      }
    }
  }
  const tests = path.dirname(process.argv[1]);
  for (const project of fs.readdirSync(tests).filter((name) => fs.existsSync(path.join(tests, name, `${name}.csproj`)))) {
    if (!project.endsWith(".Tests") || fs.existsSync(path.join(folder, `${project}.trx`))) continue;
    sum.failed++;
    sum.failures.push(`${project} left no results; is it in Rollup.sln?`);
  }
  return sum;
}

function forge() {
  const sum = { passed: 0, failed: 0, skipped: 0, failures: [] };
  let suites;
  try {
    suites = JSON.parse(read("forge.json"));
  } catch {
    return sum; // A failed compilation prints text; the exit status reports it.
  }
  for (const [suite, { test_results }] of Object.entries(suites)) {
    for (const [test, { status, reason }] of Object.entries(test_results)) {
      if (status === "Success") sum.passed++;
      else if (status === "Skipped") sum.skipped++;
      else {
        sum.failed++;
        sum.failures.push(`${suite} ${test}: ${reason ?? "failed"}`);
      }
    }
  }
  return sum;
}

function node() {
  const tap = read("node.tap");
  const count = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, "m").exec(tap)?.[1] ?? 0);
  const failures = [...tap.matchAll(/^\s*not ok \d+ - (.*)$/gm)].map((match) => match[1]);
  return { passed: count("pass"), failed: count("fail") + count("cancelled"), skipped: count("skipped") + count("todo"), failures };
}

const total = { passed: 0, failed: 0, skipped: 0 };
for (const [name, collect] of Object.entries({ dotnet, forge, node })) {
  if (!fs.existsSync(path.join(folder, `${name}.status`))) continue;
  const sum = collect();
  const status = Number(read(`${name}.status`));
  if (status !== 0 && sum.failed === 0) {
    sum.failed = 1;
    sum.failures.push(`the runner ended with status ${status}; its messages are above`);
  }
  console.log(`${name}: ${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
  for (const failure of sum.failures) console.log(`  failed: ${failure}`);
  for (const key of Object.keys(total)) total[key] += sum[key];
}
if (total.passed + total.failed === 0) {
  console.log("no test ran");
  total.failed = 1;
}
const line = `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`;
fs.writeFileSync(path.join(folder, "summary.txt"), `${line}\n`);
console.log(line);
process.exitCode = total.failed > 0 ? 1 : 0;
