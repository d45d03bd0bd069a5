import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openRun, resume } from "../../src/runs/open.ts";
import { digestOf, options, plan, withFolder } from "./support.ts";

const fixture = fileURLToPath(new URL("fixtures/killed.ts", import.meta.url));

/** Runs the fixture; it must be killed. */
async function killed(...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, ["--import=tsx", fixture, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (data) => {
    errors += data;
  });
  const [code, signal] = await once(child, "exit");
  assert.deepEqual([code, signal], [null, "SIGKILL"], errors);
}

describe("a run in a folder", function () {
  this.timeout(120_000);
  let whole: string;
  before(async () => {
    whole = digestOf(await plan.run(options));
  });

  it("killed at every LC step, one after the other, ends in the same bytes as the undisturbed run", () =>
    withFolder(async (dir) => {
      for (let step = 0; step <= options.mu.length; step++) {
        await killed(dir, "step", String(step));
        const { status, history } = await openRun(dir);
        assert.equal(status, "killed");
        assert.equal(history.at(-1)?.step, step);
      }
      const solution = await resume(dir);
      assert.deepEqual([solution.status, digestOf(solution)], ["finished", whole]);
      assert.equal((await openRun(dir)).status, "finished");
    }));

  it("killed within an L step, does the step again to the same bytes, and its history has it once", () =>
    withFolder(async (dir) => {
      await killed(dir, "epoch", "6");
      const solution = await resume(dir);
      assert.equal(digestOf(solution), whole);
      const epochs = solution.history.filter(({ kind }) => kind === "epoch");
      assert.deepEqual(
        epochs.map(({ epochsDone }) => epochsDone),
        epochs.map((_, i) => i + 1),
      );
      assert.deepEqual(
        (await openRun(dir)).history.map(({ kind, step, epoch }) => [kind, step, epoch]),
        solution.history.map(({ kind, step, epoch }) => [kind, step, epoch]),
      );
    }));

  for (const [how, message] of [
    ["short", undefined],
    ["synced", undefined],
    ["torn", /000002\.state: LC_STATE: the saved state is damaged or cut off \(5000 bytes/],
  ] as const) {
    it(`killed in the write of a checkpoint (${how}), goes on from the one before to the same bytes`, () =>
      withFolder(async (dir) => {
        await killed(dir, how, "2");
        const solution = await resume(dir);
        assert.equal(digestOf(solution), whole);
        const said = solution.notes.filter((note) => note.includes("damaged"));
        assert.equal(said.length, message ? 1 : 0);
        if (message) {
          assert.match(said[0] ?? "", message);
          assert.match(said[0] ?? "", /went on from 000001\.state/);
        }
        const files = await readdir(join(dir, "checkpoints"));
        assert.ok(files.length >= 3 && files.every((file) => file.endsWith(".state")), `${files}`);
      }));
  }

  it("is plain files: a record to read, a journal of one line an event", () =>
    withFolder(async (dir) => {
      await plan.run({ ...options, dir });
      const record = JSON.parse(await readFile(join(dir, "run.json"), "utf8"));
      assert.deepEqual(record.data.recipe, {
        reader: "digits",
        options: { trainCount: 300, testCount: 100, seed: 0 },
      });
      const lines = (await readFile(join(dir, "journal.jsonl"), "utf8")).trim().split("\n");
      const types = lines.map((line) => JSON.parse(line).type);
      assert.equal(types.filter((type) => type === "checkpoint").length, 6);
      assert.deepEqual([types[0], types.at(-1)], ["start", "end"]);
    }));
});
