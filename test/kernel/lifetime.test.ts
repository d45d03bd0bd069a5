import assert from "node:assert/strict";
import { once } from "node:events";
import { startKernel } from "../support/kernel-client.ts";

/** Resolves when none of the processes is left. */
async function gone(pids: number[]): Promise<void> {
  const alive = (pid: number) => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };
  while (pids.some(alive)) await new Promise((resolve) => setTimeout(resolve, 10));
}

const family = `
import { spawn } from "node:child_process";
const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
console.log(JSON.stringify([process.pid, child.pid]));`;

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

  it("a killed kernel takes its user process and its children along", async () => {
    const kernel = await startKernel();
    const id = kernel.send("execute_request", { code: `${family}\nwhile (true) {}` });
    const { content } = await kernel.published(
      ({ parent, header }) => parent.msg_id === id && header.msg_type === "stream",
    );
    kernel.process.kill("SIGKILL");
    await once(kernel.process, "exit");
    await gone(JSON.parse(String(content.text)));
    kernel.disconnect();
  });
});
