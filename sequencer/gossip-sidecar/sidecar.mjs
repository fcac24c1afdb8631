// The peer-to-peer network of one node: libp2p behind the C# interface IGossip. JSON lines on standard input and output, bytes as base64. It ends when standard
// input does, so it never outlives its host. It decides nothing: what is valid, what is served and who is banned its host says.
//
//   host:    {"op": "start", "key": FILE, "listen": [ADDRESS], "peers": [ADDRESS], "topics": [TOPIC], "protocol": NAME, "maxMessage": BYTES, "maxConnections": N}
//            {"op": "publish", "topic": TOPIC, "data": BASE64}
//            {"op": "verdict", "id": N, "verdict": "accept" | "reject" | "ignore"}     on a message
//            {"op": "answer", "id": N, "data": BASE64 or null}                         to a request
//            {"op": "request", "id": N, "peer": ID, "data": BASE64}
//            {"op": "ban", "peer": ID, "milliseconds": N}
//   sidecar: {"event": "started", "peer": ID, "addresses": [ADDRESS]}
//            {"event": "connected" | "disconnected", "peer": ID}
//            {"event": "message", "id": N, "peer": ID, "topic": TOPIC, "data": BASE64}  waits for a verdict before it is forwarded
//            {"event": "request", "id": N, "peer": ID, "data": BASE64}                  waits for an answer
//            {"event": "reply", "id": N, "data": BASE64} or {"event": "reply", "id": N, "fault": "unreachable" | "oversize"}
//            {"event": "failed", "error": TEXT}                                         and it ends
import fs from "node:fs/promises";
import { createHash } from "node:crypto";

// libp2p asks for Node.js 22; this is all that 20 lacks.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new this((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
};

const { createLibp2p } = await import("libp2p");
const { gossipsub, StrictNoSign } = await import("@libp2p/gossipsub");
const { noise } = await import("@libp2p/noise");
const { yamux } = await import("@libp2p/yamux");
const { tcp } = await import("@libp2p/tcp");
const { identify } = await import("@libp2p/identify");
const { lpStream } = await import("@libp2p/utils");
const { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } = await import("@libp2p/crypto/keys");
const { multiaddr } = await import("@multiformats/multiaddr");

const verdictPatience = 5_000;
const answerPatience = 10_000;
const redialInterval = 1_000;
const longestRedialPause = 30_000;
const openMessages = 256;
const openRequests = 64;
const requestsOfPeer = 4;
const longestRequest = 64;

let node;
let starting;
let longestLine = 64 << 10;
let lastId = 0;
const waiting = new Map();
const banned = new Map();

const emit = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const base64 = (bytes) => Buffer.from(bytes.subarray()).toString("base64");
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));

function isBanned(peer) {
  const until = banned.get(peer);
  if (until === undefined) return false;
  if (until > Date.now()) return true;
  banned.delete(peer);
  return false;
}

// Asks the host; undefined if it does not say in time, or too much waits already.
function ask(event, patience, most) {
  if (waiting.size >= most) return undefined;
  const id = ++lastId;
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle(id, undefined), patience);
    waiting.set(id, (value) => (clearTimeout(timer), resolve(value)));
    emit({ ...event, id });
  });
}

function settle(id, value) {
  const resolve = waiting.get(id);
  waiting.delete(id);
  resolve?.(value);
}

// The identity of the node in the network, and nothing else: a lost one is replaced, and its peers are told the new address.
async function identity(file) {
  try {
    return privateKeyFromProtobuf(await fs.readFile(file));
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  const key = await generateKeyPair("Ed25519");
  await fs.writeFile(file, privateKeyToProtobuf(key), { mode: 0o600, flag: "wx" });
  return key;
}

async function start({ key, listen, peers, topics, protocol, maxMessage, maxConnections }) {
  longestLine = 2 * maxMessage + (64 << 10);
  const addresses = peers.map((text) => multiaddr(text));
  node = await createLibp2p({
    privateKey: await identity(key),
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { maxConnections },
    connectionGater: {
      denyDialMultiaddr: () => false, // Nodes of one machine or one private network may talk too.
      denyDialPeer: (peer) => isBanned(peer.toString()),
      denyInboundEncryptedConnection: (peer) => isBanned(peer.toString()),
      denyOutboundEncryptedConnection: (peer) => isBanned(peer.toString()),
    },
    services: {
      identify: identify(),
      pubsub: gossipsub({
        // Authors sign the contents, and equal contents are one message.
        globalSignaturePolicy: StrictNoSign,
        msgIdFn: (message) => createHash("sha256").update(message.topic).update("\0").update(message.data).digest(),
        allowPublishToZeroTopicPeers: true,
        ignoreDuplicatePublishError: true,
        floodPublish: true,
        allowedTopics: topics,
        maxInboundDataLength: maxMessage + (64 << 10),
        scoreParams: {
          IPColocationFactorWeight: 0,
          topics: Object.fromEntries(topics.map((topic) => [topic, {
            topicWeight: 1,
            timeInMeshWeight: 0.001, timeInMeshQuantum: 1_000, timeInMeshCap: 100,
            firstMessageDeliveriesWeight: 0.1, firstMessageDeliveriesDecay: 0.99, firstMessageDeliveriesCap: 100,
            // Topics may be silent for long: who has nothing to deliver is not at fault.
            meshMessageDeliveriesWeight: 0, meshFailurePenaltyWeight: 0,
            invalidMessageDeliveriesWeight: -100, invalidMessageDeliveriesDecay: 0.99,
          }])),
        },
      }),
    },
  });
  const { pubsub } = node.services;
  for (const topic of topics) {
    pubsub.topicValidators.set(topic, async (peer, message) => {
      const verdict = isBanned(peer.toString()) ? "ignore" : await ask({ event: "message", peer: peer.toString(), topic, data: base64(message.data) }, verdictPatience, openMessages);
      return verdict ?? "ignore";
    });
    pubsub.subscribe(topic);
  }
  await node.handle(protocol, (stream, connection) => serve(stream, connection.remotePeer.toString()), { maxInboundStreams: requestsOfPeer, maxOutboundStreams: requestsOfPeer });
  node.addEventListener("peer:identify", ({ detail }) => emit({ event: "connected", peer: detail.peerId.toString() }));
  node.addEventListener("peer:disconnect", ({ detail }) => emit({ event: "disconnected", peer: detail.toString() }));

  async function serve(stream, peer) {
    try {
      const framed = lpStream(stream, { maxDataLength: longestRequest });
      const request = await framed.read({ signal: AbortSignal.timeout(answerPatience) });
      const answer = await ask({ event: "request", peer, data: base64(request) }, answerPatience, openRequests);
      await framed.write(answer ?? new Uint8Array(0), { signal: AbortSignal.timeout(answerPatience) });
      await stream.close({ signal: AbortSignal.timeout(answerPatience) });
    } catch (error) {
      stream.abort(error);
    }
  }

  operations.request = async ({ id, peer, data }) => {
    let stream;
    try {
      const connection = node.getConnections().find((c) => c.remotePeer.toString() === peer);
      if (!connection) throw new Error("not connected");
      const signal = AbortSignal.timeout(answerPatience);
      stream = await connection.newStream(protocol, { signal });
      const framed = lpStream(stream, { maxDataLength: maxMessage, maxBufferSize: maxMessage + (64 << 10) });
      await framed.write(bytes(data), { signal });
      const answer = base64(await framed.read({ signal }));
      emit({ event: "reply", id, data: answer });
      await stream.close({ signal });
    } catch (error) {
      stream?.abort(error);
      emit({ event: "reply", id, fault: error?.name === "InvalidDataLengthError" ? "oversize" : "unreachable" });
    }
  };

  for (const address of addresses) keepDialling(address);
  emit({ event: "started", peer: node.peerId.toString(), addresses: node.getMultiaddrs().map(String) });
}

// Peers of the configuration are dialled for ever, with pauses that double.
async function keepDialling(address) {
  const id = /\/p2p\/([^/]+)$/.exec(address.toString())?.[1];
  for (let pause = redialInterval; ; ) {
    const isConnected = id && node.getConnections().some((c) => c.remotePeer.toString() === id);
    if (isConnected) pause = redialInterval;
    else if (!isBanned(id)) {
      try {
        await node.dial(address, { signal: AbortSignal.timeout(answerPatience) });
        pause = redialInterval;
      } catch {
        pause = Math.min(2 * pause, longestRedialPause);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

const operations = {
  publish: ({ topic, data }) => node.services.pubsub.publish(topic, bytes(data)),
  verdict: ({ id, verdict }) => settle(id, verdict),
  answer: ({ id, data }) => settle(id, data === null ? undefined : bytes(data)),
  ban: async ({ peer, milliseconds }) => {
    banned.set(peer, Date.now() + milliseconds);
    await Promise.all(node.getConnections().filter((c) => c.remotePeer.toString() === peer).map((c) => c.abort(new Error("banned"))));
  },
};

function end(error) {
  process.stdout.write(`${JSON.stringify({ event: "failed", error: String(error?.message ?? error).slice(0, 2_000) })}\n`, () => process.exit(2));
}

async function accept(line) {
  if (line.length > longestLine) throw new Error(`a line has more than ${longestLine} characters`);
  const command = JSON.parse(line);
  if (command.op !== "start" && !Object.hasOwn(operations, command.op)) throw new Error(`unknown operation ${String(command.op).slice(0, 32)}`);
  if (command.op === "start") {
    if (starting) throw new Error("started twice");
    await (starting = start(command));
  } else {
    if (!starting) throw new Error(`${command.op} before start`);
    await starting;
    await operations[command.op](command);
  }
}

// A peer that goes away while something is written to it must not end the node.
process.on("unhandledRejection", (error) => console.error(String(error?.stack ?? error).slice(0, 2_000)));
process.on("SIGINT", () => {}); // An interrupt from the terminal reaches the host too, which then closes standard input.

const parts = [];
let length = 0;
process.stdin.setEncoding("utf8");
process.stdin.on("data", (text) => {
  let from = 0;
  for (let to; (to = text.indexOf("\n", from)) >= 0; from = to + 1) {
    const line = parts.splice(0).join("") + text.slice(from, to);
    length = 0;
    accept(line).catch(end);
  }
  parts.push(text.slice(from));
  length += text.length - from;
  if (length > longestLine) end(new Error(`a line has more than ${longestLine} characters`));
});
process.stdin.on("end", () => process.exit(0));
