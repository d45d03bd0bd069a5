import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

async function script<T>(name: string): Promise<T> {
  return (await import(new URL(`../../scripts/${name}`, import.meta.url).href)) as T;
}

describe("scripts", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lclab-scripts-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("Node below 20.19 is refused, 20.19 and newer are not", async () => {
    const { checkNode } = await script<{ checkNode(who: string, version: string): void }>(
      "checks.mjs",
    );
    for (const version of ["20.19.0", "22.0.0", "24.1.0"]) checkNode("npm start", version);
    for (const version of ["20.18.3", "18.20.0"]) {
      assert.throws(() => checkNode("npm start", version), {
        message: `npm start: Node must be 20.19 or newer, got ${version}. Install Node 24 from nodejs.org, then start again.`,
      });
    }
  });

  it("packages match the lock file only if each stands there in its version; others' platforms may be missing", async () => {
    const { dependenciesMatch } = await script<{ dependenciesMatch(root: string): boolean }>(
      "dependencies.mjs",
    );
    const lock = (packages: object): string => JSON.stringify({ packages });
    const a = { version: "1.0.0", integrity: "sha512-a" };
    const write = (asked: object, present: object): void => {
      writeFileSync(join(folder, "package-lock.json"), lock({ "": {}, ...asked }));
      mkdirSync(join(folder, "node_modules/a"), { recursive: true });
      writeFileSync(join(folder, "node_modules/a/package.json"), "{}");
      writeFileSync(join(folder, "node_modules/.package-lock.json"), lock(present));
    };
    assert.equal(dependenciesMatch(folder), false);
    write({ "node_modules/a": a }, { "node_modules/a": a });
    assert.equal(dependenciesMatch(folder), true);
    write(
      { "node_modules/a": a, "node_modules/win": { ...a, optional: true } },
      { "node_modules/a": a },
    );
    assert.equal(dependenciesMatch(folder), true);
    write({ "node_modules/a": { ...a, version: "1.0.1" } }, { "node_modules/a": a });
    assert.equal(dependenciesMatch(folder), false);
    write({ "node_modules/a": a, "node_modules/b": a }, { "node_modules/a": a });
    assert.equal(dependenciesMatch(folder), false);
    write({ "node_modules/a": a }, { "node_modules/a": a });
    rmSync(join(folder, "node_modules/a"), { recursive: true });
    assert.equal(dependenciesMatch(folder), false);
  });

  it("a content hash changes with a byte, a name and an extra string, and with nothing else", async () => {
    const { contentHash, filesBelow } = await script<{
      contentHash(root: string, files: string[], more?: string[]): string;
      filesBelow(folder: string): string[];
    }>("stamp.mjs");
    const hash = (more: string[] = []): string => contentHash(folder, filesBelow(folder), more);
    writeFileSync(join(folder, "a.ts"), "1");
    const first = hash();
    writeFileSync(join(folder, "a.ts"), "1");
    assert.equal(hash(), first);
    assert.notEqual(hash(["x"]), first);
    writeFileSync(join(folder, "a.ts"), "2");
    const second = hash();
    assert.notEqual(second, first);
    rmSync(join(folder, "a.ts"));
    writeFileSync(join(folder, "b.ts"), "2");
    assert.notEqual(hash(), second);
  });

  it("damaged stamps count as none", async () => {
    const { readStamps, writeStamp } = await script<{
      readStamps(path: string): Record<string, unknown>;
      writeStamp(path: string, name: string, value: unknown): void;
    }>("stamp.mjs");
    const path = join(folder, "stamps.json");
    writeFileSync(path, '{"code": ');
    assert.deepEqual(readStamps(path), {});
    writeStamp(path, "code", "k");
    writeStamp(path, "wasm", "l");
    assert.deepEqual(readStamps(path), { code: "k", wasm: "l" });
  });

  it("Python's environment loses what would lead it outside .venv", async () => {
    const { pythonEnvironment } = await script<{
      pythonEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv;
    }>("venv.mjs");
    const env = pythonEnvironment({ PYTHONPATH: "/x", PYTHONHOME: "/y", LCLAB_DATA: "/data" });
    assert.deepEqual(env, { PYTHONNOUSERSITE: "1", LCLAB_DATA: "/data" });
  });

  it("Chromium is taken from CHROMIUM, and a wrong path there is not replaced in silence", async () => {
    const { findChromium } = await script<{
      findChromium(env: NodeJS.ProcessEnv): string | undefined;
    }>("chromium.mjs");
    writeFileSync(join(folder, "browser"), "");
    assert.equal(findChromium({ CHROMIUM: join(folder, "browser") }), join(folder, "browser"));
    assert.equal(findChromium({ CHROMIUM: join(folder, "none") }), undefined);
  });

  it("a failing program's last lines are in the message", async () => {
    const { runQuietly } = await script<{
      runQuietly(command: string, args: string[], options: object): Promise<string>;
    }>("run.mjs");
    const options = { what: "work", hint: "Try again." };
    await assert.rejects(
      runQuietly(process.execPath, ["-e", "console.log('why'); process.exit(3)"], options),
      {
        message: "why\nwork failed (exit 3). Try again.",
      },
    );
    assert.equal(
      await runQuietly(process.execPath, ["-e", "console.log('fine')"], options),
      "fine\n",
    );
  });

  it("the stage of Node 24 says what it fetches and what is lost, and nothing where there is nothing to do", async () => {
    const { prepareNode } = await script<{
      prepareNode(root: string, stage: unknown, systemNode: boolean): Promise<string>;
    }>("prepare.mjs");
    const { stages } = await script<{
      stages(total: number, options: object): unknown;
    }>("say.mjs");
    mkdirSync(join(folder, "dist/kernel"), { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(
      join(folder, "dist/kernel/node-runtime.js"),
      `export async function kernelNode({ system, announce }) {
        if (system) return { path: "/system", fetched: false, lost: "Slower." };
        if (globalThis.lclabFetched) return { path: "/cache", fetched: false };
        announce("Fetching");
        globalThis.lclabFetched = true;
        return { path: "/cache", fetched: true };
      }`,
    );
    let said = "";
    const write = (text: string): void => {
      said += text;
    };
    assert.equal(await prepareNode(folder, stages(5, { write }), false), "/cache");
    assert.match(
      said,
      /^\[1\/5\] Node 24 for the kernel …\n\[1\/5\] Node 24 for the kernel: done in [\d.]+ s\n$/,
    );
    said = "";
    assert.equal(await prepareNode(folder, stages(5, { write }), false), "/cache");
    assert.equal(said, "");
    const stdout = process.stdout.write;
    process.stdout.write = (text: unknown) => {
      write(String(text));
      return true;
    };
    try {
      assert.equal(await prepareNode(folder, stages(5, { write }), true), "/system");
    } finally {
      process.stdout.write = stdout;
    }
    assert.equal(said, "Slower.\n");
  });
});
