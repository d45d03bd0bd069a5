import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { missing, root } from "./lab.ts";

interface Started {
  readonly child: ChildProcess;
  /** The address that it printed. */
  readonly url: URL;
  readonly lines: readonly string[];
  readonly ended: Promise<number | null>;
}

/** `npm start -- --no-browser`, up to the line with the address. */
function start(...args: string[]): Promise<Started> {
  const child = spawn(
    process.execPath,
    [join(root, "scripts/start.mjs"), "--no-browser", ...args],
    {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const ended = new Promise<number | null>((done) => child.once("close", done));
  const lines: string[] = [];
  return new Promise((done, fail) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      const address = /^JupyterLab: (http\S+)/.exec(line)?.[1];
      if (address) done({ child, url: new URL(address), lines, ended });
    });
    void ended.then((code) => fail(new Error(`npm start ended with ${code}: ${lines.join("\n")}`)));
  });
}

/** Command lines of all processes; Linux only. */
function commandLines(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return "";
      }
    });
}

describe("npm start -- --no-browser in this checkout", function () {
  this.timeout(120_000);

  before(async function () {
    const reason = await missing();
    if (reason === undefined && process.platform === "linux") return;
    process.stdout.write(`    left out: ${reason ?? "needs /proc to see what is left running"}\n`);
    this.skip();
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`opens the first notebook with our kernel alone, and ${signal} ends the server and its kernels`, async () => {
      const { child, url, lines, ended } = await start();
      try {
        assert.equal(
          decodeURIComponent(url.pathname),
          "/lab/tree/notebooks/01-first-compression.ipynb",
        );
        const ask = async (path: string, method = "GET"): Promise<unknown> => {
          const query = `token=${url.searchParams.get("token")}`;
          const reply = await fetch(`${url.origin}/api/${path}?${query}`, { method });
          assert.ok(reply.ok, `${path}: ${reply.status}`);
          return reply.json();
        };
        const specs = (await ask("kernelspecs")) as { default: string; kernelspecs: object };
        assert.deepEqual([specs.default, Object.keys(specs.kernelspecs)], ["lclab", ["lclab"]]);
        const kernel = (await ask("kernels", "POST")) as { id: string };
        assert.ok(commandLines().some((line) => line.includes(kernel.id)));
        child.kill(signal);
        assert.equal(await ended, 0);
        assert.deepEqual(
          commandLines().filter((line) => line.includes(kernel.id)),
          [],
        );
        await assert.rejects(fetch(`${url.origin}/api/status`));
        assert.equal(lines.at(-1), "Ending JupyterLab and its kernels …");
      } finally {
        child.kill("SIGKILL");
      }
    });
  }

  it("the second time nothing is prepared: no stage is printed", async () => {
    const { child, lines, ended } = await start();
    child.kill("SIGTERM");
    await ended;
    assert.match(lines[0] ?? "", /^Ready after [0-2]\.\d s\. Starting JupyterLab …$/);
  });
});
