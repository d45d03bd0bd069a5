import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { wire } from "../../kernel/wire.ts";
import { gone, type KernelClient, startKernel } from "../support/kernel-client.ts";

const types = [
  "execute_request",
  "complete_request",
  "inspect_request",
  "is_complete_request",
  "history_request",
  "comm_info_request",
  "comm_open",
  "comm_msg",
  "comm_close",
  "kernel_info_request",
  "interrupt_request",
  "input_reply",
  "unheard_of_request",
];
const contents: Record<string, unknown> = {
  code: "1 + 1",
  cursor_pos: 3,
  silent: false,
  store_history: true,
  user_expressions: { a: "1" },
  hist_access_type: "search",
  pattern: "*",
  n: 3,
  session: 0,
  comm_id: "c",
  target_name: "t",
  data: { a: 1 },
  value: "x",
};
const fields = Object.keys(contents);

/** How one message goes wrong: in its bytes, in its frames, or, rightly signed, in what it says. */
const mutations = fc.record({
  type: fc.constantFrom(...types),
  channel: fc.constantFrom("shell", "control", "stdin"),
  kind: fc.constantFrom(
    "flip",
    "cut",
    "drop",
    "double",
    "swap",
    "noise",
    "header",
    "content",
    "twist",
  ),
  frame: fc.nat(30),
  byte: fc.nat(5000),
  bit: fc.nat(7),
  noise: fc.uint8Array({ maxLength: 64 }),
  field: fc.constantFrom(...fields),
  value: fc.jsonValue({ maxDepth: 2 }),
});
type Mutation = typeof mutations extends fc.Arbitrary<infer T> ? T : never;

function mutated(kernel: KernelClient, mutation: Mutation, number: number): Buffer[] {
  const { type, kind, frame, byte, bit, noise, field, value } = mutation;
  const content: Record<string, unknown> = { ...contents };
  const header: Record<string, unknown> = {
    msg_id: `m${number}`,
    msg_type: type,
    session: "s",
    username: "u",
    date: "",
    version: "5.4",
  };
  if (kind === "content") content[field] = value;
  if (kind === "twist") delete content[field];
  if (kind === "header") header[Object.keys(header)[frame % 6]] = value;
  const frames = kernel.wire
    .encode({
      identities: [],
      header: header as never,
      parent: {},
      metadata: {},
      content,
      buffers: kind === "noise" ? [Buffer.from(noise)] : [],
    })
    .map((each) => Buffer.from(each));
  const at = frame % frames.length;
  switch (kind) {
    case "flip":
      frames[at][byte % frames[at].length] ^= 1 << bit;
      break;
    case "cut":
      frames[at] = frames[at].subarray(0, byte % (frames[at].length + 1));
      break;
    case "drop":
      frames.splice(at, 1);
      break;
    case "double":
      frames.splice(at, 0, frames[at]);
      break;
    case "swap":
      [frames[0], frames[at]] = [frames[at], frames[0]];
      break;
    case "noise":
      frames.splice(at, 0, Buffer.from(noise));
  }
  return frames;
}

describe("robustness", () => {
  let kernel: KernelClient;
  let logged = "";
  beforeEach(async () => {
    kernel = await startKernel(undefined, { stderr: "pipe" });
    logged = "";
    kernel.process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      logged += text;
    });
  });
  afterEach(async () => assert.equal(await kernel.shutdown(), 0));

  const answers = async (code: string) =>
    (await kernel.execute(code)).published
      .filter(({ header }) => header.msg_type === "execute_result")
      .map(({ content }) => (content.data as Record<string, unknown>)["text/plain"])
      .find((text) => text !== undefined);

  it("1,000 mutated messages on every channel neither kill nor wedge it", async function () {
    this.timeout(120_000);
    await kernel.execute("let kept = 42");
    const all = fc.sample(mutations, { numRuns: 1000, seed: 20261125 });
    for (const [i, mutation] of all.entries()) {
      await kernel.sendFrames(mutated(kernel, mutation, i), mutation.channel as "shell");
      if (i % 100 === 99) {
        // What waits when this message comes may fail, and then aborts what follows it; so may an interrupt.
        await kernel.request("kernel_info_request", {}, "control");
        await kernel.execute("0");
        assert.equal(await answers("kept"), "42");
        assert.equal(await kernel.heartbeat(), "beat");
      }
    }
    for (const channel of ["shell", "control"] as const)
      assert.equal(
        (await kernel.request("kernel_info_request", {}, channel)).reply.content.status,
        "ok",
      );
    assert.match(logged, /dropped a message with a wrong HMAC signature/);
    assert.equal(kernel.process.exitCode, null);
  });

  it("runs nothing of a message with a wrong signature, and sends nothing back", async () => {
    const forged = wire("another key").encode({
      identities: [],
      header: {
        msg_id: "forged",
        msg_type: "execute_request",
        session: "s",
        username: "u",
        date: "",
        version: "5.4",
      },
      parent: {},
      metadata: {},
      content: { code: "globalThis.forged = true" },
      buffers: [],
    });
    for (const channel of ["shell", "control"] as const) await kernel.sendFrames(forged, channel);
    // Both channels answer what came after it.
    await kernel.request("kernel_info_request", {}, "control");
    assert.equal(await answers("typeof globalThis.forged"), "'undefined'");
    const caused = [...kernel.replies, ...kernel.iopub].filter(
      ({ parent }) => parent.msg_id === "forged",
    );
    assert.deepEqual(caused, []);
    assert.match(logged, /wrong HMAC signature/);
  });

  it("an interrupt before 200 queued cells aborts them, and the next one runs", async () => {
    const busy = kernel.send("execute_request", {
      code: "console.log('started'); while (true) {}",
    });
    const queued = Array.from({ length: 200 }, (_, i) =>
      kernel.send("execute_request", { code: `globalThis.ran = ${i}` }),
    );
    await kernel.published(
      ({ parent, header }) => parent.msg_id === busy && header.msg_type === "stream",
    );
    await kernel.request("interrupt_request", {}, "control");
    assert.equal((await kernel.answer(busy)).reply.content.ename, "Interrupted");
    for (const id of queued) {
      const { reply, published } = await kernel.answer(id);
      assert.equal(reply.content.status, "aborted");
      assert.equal(published.length, 2); // busy and idle
    }
    assert.equal(await answers("typeof globalThis.ran"), "'undefined'");
  });

  it("survives kill -9 of its user process ten times, busy and idle, with a clear error each", async function () {
    this.timeout(120_000);
    const seen = new Set<string>();
    for (let i = 0; i < 10; i++) {
      const pid = String(await answers("let here = 1; process.pid"));
      assert.ok(!seen.has(pid));
      seen.add(pid);
      let died: Record<string, unknown>;
      if (i % 3 === 0) {
        const id = kernel.send("execute_request", { code: "console.log('on'); while (true) {}" });
        await kernel.published(
          ({ parent, header }) => parent.msg_id === id && header.msg_type === "stream",
        );
        process.kill(Number(pid), "SIGKILL");
        died = (await kernel.answer(id)).reply.content;
      } else {
        process.kill(Number(pid), "SIGKILL");
        // The next cell comes before the kernel knows, or after.
        if (i % 3 === 1) await gone([Number(pid)]);
        await kernel.request("kernel_info_request", {}, "control");
        died = (await kernel.execute("here")).reply.content;
      }
      assert.equal(died.ename, "KernelProcessDied");
      assert.match(String(died.evalue), /by signal SIGKILL\. Its variables are lost/);
      assert.equal(await answers("typeof here"), "'undefined'");
    }
  });

  it("grows by less than 50 MB over 5,000 trivial cells", async function () {
    if (process.platform !== "linux") this.skip(); // memory is read from /proc
    this.timeout(600_000);
    const [user, front] = JSON.parse(
      String(await answers("JSON.stringify([process.pid, process.ppid])")).slice(1, -1),
    ) as number[];
    const megabytes = () =>
      [user, front].reduce((sum, pid) => {
        const [, kilobytes] =
          /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
        return sum + Number(kilobytes) / 1024;
      }, 0);
    const run = async (count: number) => {
      for (let i = 0; i < count; i += 50) {
        const ids = Array.from({ length: 50 }, (_, j) =>
          kernel.send("execute_request", { code: `let a = ${i + j};\na + 1` }),
        );
        assert.equal((await kernel.answer(ids[49])).reply.content.status, "ok");
        // The client's memory is not the question.
        kernel.iopub.length = 0;
        kernel.replies.length = 0;
      }
    };
    await run(500); // what is loaded and compiled once
    const before = megabytes();
    await run(5000);
    const grown = megabytes() - before;

    assert.ok(grown < 50, `grew by ${grown.toFixed(1)} MB from ${before.toFixed(1)} MB`);
  });
});
