// Writes spec/vectors/black76.json: Black76 of sequencer/Rollup.Risk/Pricing once more, in integers of any size, where every shift is a floor and nothing overflows unseen,
// and contracts/src/generated/FixedTables.sol. The constants are read from FixedTables.cs; its tests make them again from their definitions.
// Deterministic: running it again changes nothing. Usage: node spec/gen/black76.mjs [--check]
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const source = readFileSync(new URL("../../sequencer/Rollup.Risk/Pricing/FixedTables.cs", import.meta.url), "utf8");
const table = (name) => source.split(`ReadOnlySpan<long> ${name} =>`)[1].split("];")[0].match(/-?\d+/g).map(BigInt);
const [reciprocals, logarithms, lnSeries, powers, powerSeries, millsTable] = ["Reciprocals", "Logarithms", "LnSeries", "Powers", "PowerSeries", "Mills"].map(table);
const ONE = 1n << 62n, TAIL = 37n << 56n, LN2 = 3196577161300663915n, STEPS = 6653256548922161246n, ROOT_2PI = 1839796536686825613n, ROOT_YEAR = 7309643889704606100n;
const SATURATED = 24n << 58n;

const abs = (x) => (x < 0n ? -x : x), min = (a, b) => (a < b ? a : b), max = (a, b) => (a > b ? a : b);
const horner = (coefficients, t) => coefficients.reduceRight((sum, c) => (sum === null ? c : c + ((sum * t) >> 64n)), null);

function sqrt(n) {
  let low = 0n, high = 1n << 64n; // by halves: the floor is the floor, however found
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle * middle <= n) low = middle;
    else high = middle;
  }
  return low;
}

function ln(x) {
  const exponent = BigInt(x.toString(2).length - 1), mantissa = x << (62n - exponent), part = Number((mantissa >> 57n) & 31n);
  const r = ((mantissa * reciprocals[part]) >> 60n) - (1n << 64n);
  return ((exponent * LN2) >> 4n) + ((logarithms[part] + ((horner(lnSeries, r) * r) >> 64n)) >> 4n);
}

function expNegative(y) {
  if (y >= 43n << 57n) return 0n;
  const steps = y * STEPS, whole = steps >> 114n, t = ((steps >> 50n) & ((1n << 64n) - 1n)) - (1n << 63n);
  return ((powers[Number(whole & 31n)] * horner(powerSeries, t)) >> 62n) >> (whole >> 5n);
}

function mills(x) {
  const piece = x >> 57n, t = (x - (piece << 57n) - (1n << 56n)) << 7n;
  return horner(millsTable.slice(13 * Number(piece), 13 * Number(piece) + 13), t);
}

const density = (x) => (abs(x) >= TAIL ? 0n : (ROOT_2PI * expNegative((x * x) >> 60n)) >> 62n);

/** m/v - v/2, or null where m/v is at least 32. */
function argument(forward, strike, v) {
  const m = abs(ln(forward) - ln(strike));
  if (m !== 0n && m >> 5n >= v) return null;
  return (m === 0n ? 0n : (m << 58n) / v) - (v >> 1n);
}

function call(forward, strike, v) {
  const intrinsic = max(0n, forward - strike) << 24n;
  if (v === 0n) return intrinsic;
  const a = argument(forward, strike, v);
  let value;
  if (a === null || a >= TAIL) value = 0n;
  else if (a <= -TAIL) value = ONE;
  else if (a >= 0n) value = (density(a) * (mills(a) - mills(a + v))) >> 61n;
  else value = ONE - ((density(a) * (mills(-a) + mills(a + v))) >> 61n);
  return intrinsic + ((min(forward, strike) * max(0n, min(ONE, value))) >> 38n);
}

function vega(forward, strike, v) {
  const a = argument(forward, strike, v);
  return a === null ? 0n : (min(forward, strike) * density(a)) >> 38n;
}

const ofVolatility = (volatility, time) => min((sqrt(time << 86n) * volatility * ROOT_YEAR) >> 95n, SATURATED);
const ofVariance = (variance) => sqrt(variance << 60n);

let counter = 0;
const random = (bits) => BigInt("0x" + createHash("sha256").update(`black76 ${counter++}`).digest("hex")) % (1n << BigInt(bits));
const pick = (limit) => Number(random(32)) % limit;
const top = (1n << 35n) - 1n, prices = [1n, 1_000_003n, top], deviations = [0n, 1n, 1n << 40n, 1n << 58n, SATURATED - 1n, (1n << 63n) - 1n];
const cases = prices.flatMap((forward) => prices.flatMap((strike) => deviations.map((v) => [forward, strike, v])));
for (let i = 0; i < 300; i++) {
  const forward = 1n + random(1 + pick(34)), v = random(i % 5 === 0 ? 1 + pick(63) : 58);
  // Every other strike within +-8 v of the forward.
  const near = forward + ((forward * v * (random(12) - 2048n)) >> 66n);
  cases.push([forward, i % 2 === 0 ? max(1n, min(top, near)) : 1n + random(1 + pick(34)), v]);
}
const volatilities = [[0n, 5n], [7n, 0n], [1n, 1n], [600_000_000n, 2_592_000_000n], [1n << 37n, 1n << 38n]], variances = [0n, 1n, 1n << 54n, (1n << 63n) - 1n];
for (let i = 0; i < 60; i++) volatilities.push([random(1 + pick(37)), random(1 + pick(38))]);
for (let i = 0; i < 30; i++) variances.push(random(1 + pick(63)));


// Many more, which every language draws by itself: SplitMix64 from seed 76, cases and their order as below. Of case i the file holds the last byte of h_i =
// SHA-256(h_(i-1), call, deviation of volatility, deviation of variance, N(x), 8 bytes each), h_(-1) = 32 zeros, and the last h whole: the first byte that differs tells where.
const MASK = (1n << 64n) - 1n;
let state = 76n;
function draw() {
  state = (state + 0x9e3779b97f4a7c15n) & MASK;
  let z = state;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}
/** 0 .. 2^k - 1, with k drawn from 0 .. bits. */
const below = (bits) => draw() >> (64n - (draw() % BigInt(bits + 1)));
const normalCdf = (x) => {
  if (abs(x) >= TAIL) return x > 0n ? ONE : 0n;
  const tail = (density(x) * mills(abs(x))) >> 61n;
  return x < 0n ? tail : ONE - tail;
};
const edgePrices = [1n, 2n, 3n, 1_000_003n, 1n << 34n, top - 1n, top];
const edgeDeviations = [0n, 1n, 2n, 1n << 20n, 1n << 40n, 1n << 51n, 1n << 56n, 1n << 58n, 5n << 58n, 19n << 58n, SATURATED - 1n, SATURATED, (1n << 63n) - 1n];
const EDGES = 637, MANY = 12_000;
const checks = Buffer.alloc(MANY);
let digest = Buffer.alloc(32);
for (let i = 0; i < MANY; i++) {
  let forward, strike, v;
  if (i < EDGES) [forward, strike, v] = [edgePrices[Math.floor(i / 91)], edgePrices[Math.floor(i / 13) % 7], edgeDeviations[i % 13]];
  else {
    forward = 1n + (below(35) % top);
    v = i % 4 === 0 ? below(63) : draw() >> 5n;
    strike = 1n + (below(35) % top);
    if (i % 3 !== 0) strike = max(1n, min(top, forward + ((forward * v * ((draw() % 4096n) - 2048n)) >> 66n))); // within +-8 v of the forward
  }
  const volatility = below(37), time = below(38), variance = below(63), x = (i % 2 === 0 ? 1n : -1n) * below(62);
  const row = Buffer.alloc(64);
  digest.copy(row);
  [call(forward, strike, v), ofVolatility(volatility, time), ofVariance(variance), normalCdf(x)].forEach((value, k) => row.writeBigUInt64BE(value, 32 + 8 * k));
  digest = createHash("sha256").update(row).digest();
  checks[i] = digest[31];
}

const text = (value) => JSON.stringify(value, (_, x) => (typeof x === "bigint" ? x.toString() : x));
const lines = (rows) => `[\n${rows.map((row) => `  ${text(row)}`).join(",\n")}\n ]`;
const vectors = `{
 "options": ${lines(cases.map(([forward, strike, deviation]) => ({ forward, strike, deviation, call: call(forward, strike, deviation), vega: vega(forward, strike, deviation) })))},
 "volatilities": ${lines(volatilities.map(([volatility, time]) => ({ volatility, time, deviation: ofVolatility(volatility, time) })))},
 "variances": ${lines(variances.map((variance) => ({ variance, deviation: ofVariance(variance) })))},
 "many": { "count": ${MANY}, "checks": "0x${checks.toString("hex")}", "digest": "0x${digest.toString("hex")}" }
}
`;

// Eight bytes an entry, the tables one after the other.
const tables = { RECIPROCALS: reciprocals, LOGARITHMS: logarithms, LN_SERIES: lnSeries, POWERS: powers, POWER_SERIES: powerSeries, MILLS: millsTable };
const offsets = [];
let size = 0;
for (const [name, values] of Object.entries(tables)) {
  offsets.push(`    uint256 internal constant ${name} = ${size};`);
  size += 8 * values.length;
}
const hex = Object.values(tables).flat().map((value) => BigInt.asUintN(64, value).toString(16).padStart(16, "0")).join("");
const solidity = `// SPDX-License-Identifier: MIT
// Generated by spec/gen/black76.mjs from sequencer/Rollup.Risk/Pricing/FixedTables.cs; do not edit.
pragma solidity ^0.8.28;

/// @title The constants of FixedMath: signed numbers of 8 bytes, big-endian; what each is, FixedTables.cs says.
library FixedTables {
${offsets.join("\n")}
    uint256 internal constant LN_TERMS = ${lnSeries.length};
    uint256 internal constant POWER_TERMS = ${powerSeries.length};
    uint256 internal constant MILLS_TERMS = 13;

    /// @notice Copies the tables into memory and returns where they begin.
    function load() internal pure returns (uint256 at) {
        bytes memory tables = ${hex.match(/.{1,96}/g).map((part) => `hex"${part}"`).join("\n            ")};
        assembly ("memory-safe") {
            at := add(tables, 32)
        }
    }
}
`;

for (const [path, content] of [["../vectors/black76.json", vectors], ["../../contracts/src/generated/FixedTables.sol", solidity]]) {
  const file = new URL(path, import.meta.url);
  if (!process.argv.includes("--check")) writeFileSync(file, content);
  else if (readFileSync(file, "utf8") !== content) {
    console.error(`${path} is stale: run node spec/gen/black76.mjs`);
    process.exitCode = 1;
  }
}
