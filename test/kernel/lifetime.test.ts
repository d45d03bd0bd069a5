import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gone, startKernel } from "../support/kernel-client.ts";

const main = fileURLToPath(new URL("../../kernel/main.ts", import.meta.url));
// As a CommonJS module, which is how mocha loads it, this one has no import.meta.resolve.
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

const family = `
import { spawn } from "node:child_process";
const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
console.log(JSON.stringify([process.pid, child.pid]));`;

/** Declares pids: of the user process, a child of it, the kernel and the kernel's other children. */
const relatives = `
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
const { ppid } = process;
const others = process.platform === "linux" ? readFileSync(\`/proc/\${ppid}/task/\${ppid}/children\`, "utf8") : "";
const pids = [process.pid, child.pid, ppid, ...others.trim().split(" ").filter(Boolean).map(Number)];`;
const printed = `${relatives}\nconsole.log(JSON.stringify(pids));`;

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
    const id = kernel.send("execute_request", { code: `${printed}\nwhile (true) {}` });
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

  it("a kernel that is told to end by a signal ends with everything it started", async () => {
    const { kernel, pids } = await household(false);
    kernel.process.kill("SIGTERM");
    const [code] = await once(kernel.process, "exit");
    assert.equal(code, 0);
    await gone(pids);
    kernel.disconnect();
  });

  for (const signal of ["SIGKILL", "SIGTERM"] as const)
    it(`lclab run that is ended by ${signal} takes everything it started along`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "lclab-lifetime-"));
      const source = `import { renameSync, writeFileSync } from "node:fs";
        ${relatives}
        writeFileSync("new", JSON.stringify(pids));
        renameSync("new", "pids");
        while (true) {}`;
      const cell = { cell_type: "code", source, metadata: {}, outputs: [] };
      const notebook = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [cell] };
      writeFileSync(join(folder, "x.ipynb"), JSON.stringify(notebook));
      const args = ["--import", tsx, main, "run", "x.ipynb", "-o", "y.html"];
      const run = spawn(process.execPath, args, { cwd: folder, stdio: "ignore" });
      while (!existsSync(join(folder, "pids")) && run.exitCode === null) await wait(10);
      run.kill(signal);
      await once(run, "exit");
      await gone(JSON.parse(readFileSync(join(folder, "pids"), "utf8")));
      assert.equal(existsSync(join(folder, "y.html")), false);
    });

  it("a language server that is killed is replaced, and costs no cell anything", async function () {
    if (process.platform !== "linux") this.skip(); // it is found in /proc
    const kernel = await startKernel();
    const complete = () =>
      kernel.request("complete_request", { code: "process.versio", cursor_pos: 14 });
    const servers = async () => {
      const { published } = await kernel.execute(printed);
      const text = String(published.find(({ content }) => content.name === "stdout")?.content.text);
      const commands = (JSON.parse(text) as number[]).map((pid) => ({
        pid,
        command: readFileSync(`/proc/${pid}/cmdline`, "utf8"),
      }));
      return commands.filter(({ command }) => command.includes("--lsp")).map(({ pid }) => pid);
    };
    const { reply } = await complete();
    await kernel.execute("let kept = 42;");
    const [first, ...others] = await servers();
    assert.deepEqual(others, []);
    process.kill(first, "SIGKILL");
    await gone([first]);
    assert.deepEqual((await complete()).reply.content.matches, reply.content.matches);
    const [second] = await servers();
    assert.notEqual(second, first);
    assert.equal((await kernel.execute("kept")).reply.content.status, "ok");
    assert.equal(await kernel.shutdown(), 0);
    await gone([second]);
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
