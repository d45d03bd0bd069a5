import assert from "node:assert/strict";
import { once } from "node:events";
import { gone, startKernel } from "../support/kernel-client.ts";

const family = `
import { spawn } from "node:child_process";
const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
console.log(JSON.stringify([process.pid, child.pid]));`;

const relatives = `
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
const { ppid } = process;
const others = process.platform === "linux" ? readFileSync(\`/proc/\${ppid}/task/\${ppid}/children\`, "utf8") : "";
console.log(JSON.stringify([process.pid, child.pid, ppid, ...others.trim().split(" ").filter(Boolean).map(Number)]));`;

describe("lifetime", () => {
  for (const [name, code] of [
    ["idle", ""],
    ["busy", "while (true) {}"],
  ])
    it(`shutdown of a kernel that is ${name} leaves no process`, async () => {
      const kernel = await startKernel();
      const id = kernel.send("execute_request", { code: `${family}\n${code}` });
      const { content } = await kernel.published(
        ({ parent, header }) => parent.msg_id === id && header.msg_type === "stream",
      );
      assert.equal(await kernel.shutdown(), 0);
      assert.equal(kernel.process.exitCode, 0);
      await gone(JSON.parse(String(content.text)));
    });

  /** A kernel with everything it ever starts: the pids of all of them. */
  async function household(parent: boolean) {
    const kernel = await startKernel(undefined, { parent });
    await kernel.request("complete_request", { code: "process.", cursor_pos: 8 });
    const id = kernel.send("execute_request", { code: `${relatives}\nwhile (true) {}` });
    const { content } = await kernel.published(
      ({ parent, header }) => parent.msg_id === id && header.msg_type === "stream",
    );
    const pids = JSON.parse(String(content.text)) as number[];
    // The kernel, its user process, a child of that, esbuild and the language server.
    if (process.platform === "linux") assert.equal(new Set(pids).size, 5, content.text as string);
    return { kernel, pids };
  }

  it("a killed kernel takes its user process and its children along", async () => {
    const { kernel, pids } = await household(false);
    kernel.process.kill("SIGKILL");
    await once(kernel.process, "exit");
    await gone(pids);
    kernel.disconnect();
  });

  it("a kernel whose parent is killed ends with everything it started", async () => {
    const { kernel, pids } = await household(true);
    kernel.process.kill("SIGKILL");
    await once(kernel.process, "exit");
    await gone(pids);
    kernel.disconnect();
  });

  it("shutdown ends the language server too", async () => {
    const { kernel, pids } = await household(false);
    assert.equal(await kernel.shutdown(), 0);
    await gone(pids);
  });

  it("a user process that crashes takes its children along, and the kernel goes on", async () => {
    const kernel = await startKernel();
    const id = kernel.send("execute_request", { code: `${family}\nprocess.abort()` });
    const { content } = await kernel.published(
      ({ parent, header, content }) =>
        parent.msg_id === id && header.msg_type === "stream" && content.name === "stdout",
    );
    assert.equal((await kernel.answer(id)).reply.content.ename, "KernelProcessDied");
    await gone(JSON.parse(String(content.text)));
    assert.equal((await kernel.execute("1")).reply.content.status, "ok");
    await kernel.shutdown();
  });
});
