import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LCError } from "../../src/errors.ts";
import type { Progress } from "../../src/lc/progress.ts";
import { openJournal } from "../../src/runs/journal.ts";
import { lockFolder } from "../../src/runs/lock.ts";
import type { AttemptEnd, Executor } from "../../src/sweep/executor.ts";
import { type PointSpec, pointFolder, type SweepSpec } from "../../src/sweep/folder.ts";
import type { SweepPoint, SweepView } from "../../src/sweep/follow.ts";
import type { SweepEntry } from "../../src/sweep/journal.ts";
import { comesAgain } from "../../src/sweep/point.ts";
import { poolExecutor } from "../../src/sweep/pool.ts";
import { figureOf } from "../../src/sweep/result.ts";
import { supervise } from "../../src/sweep/supervise.ts";
import { openSweep, stopSweep } from "../../src/sweep/sweep.ts";
import { withFolder } from "../runs/support.ts";
import { entries } from "./support.ts";

type Point = Pick<PointSpec, "id"> & Partial<PointSpec>;
type Tell = (step: number, more?: Partial<Progress>) => void;

const record = (step: number, more: Partial<Progress> = {}): Progress => ({
  ...{ kind: "step", step, steps: 10, epoch: 1, epochs: 1, epochsDone: step, epochsTotal: 10 },
  ...{ mu: 1, rate: 1, loss: 1, penalty: 0, distance: 0, seconds: step },
  ...more,
});

/** A sweep's folder with what the supervisor reads of it. */
async function folderOf(dir: string, points: readonly Point[], hopeless: number | null = null) {
  const whole = points.map((point) => ({ combination: "Q", level: point.id, seed: 0, ...point }));
  const spec = {
    ...{ format: 1, network: { name: "n" }, data: { name: "d" }, hopeless, points: whole },
    ...{ reference: { trainLoss: 1, testError: 1 }, executor: { kind: "pool" } },
  };
  await writeFile(join(dir, "sweep.json"), JSON.stringify(spec));
}

/** Runs every attempt by a function of the test; `stopped` tells whose were asked to stop. */
function fake(
  slots: number,
  attempt: (id: string, attempt: number, tell: Tell) => AttemptEnd | Promise<AttemptEnd>,
): Executor & { readonly stopped: Set<string> } {
  const stopped = new Set<string>();
  const wake = new Map<string, (end: AttemptEnd) => void>();
  return {
    slots,
    stopped,
    start(_dir, id, n, onRecord) {
      const asked = new Promise<AttemptEnd>((resolve) => wake.set(id, resolve));
      // After `start` has returned, as in a real one.
      const work = Promise.resolve().then(() =>
        attempt(id, n, (step, more) => onRecord(record(step, more))),
      );
      return {
        end: Promise.race([work, asked]),
        stop() {
          stopped.add(id);
          wake.get(id)?.({ status: "stopped" });
        },
      };
    },
    close: async () => undefined,
  };
}

const pace = { pauses: [1, 1, 1], look: 5 };
const crashed = { status: "crashed", message: "no memory" } as const;
const finished = { status: "finished" } as const;
const forever = new Promise<never>(() => undefined);
const go = (dir: string, executor: Executor) =>
  supervise(dir, executor, new AbortController().signal, null, pace);

const ends = async (dir: string) =>
  (await entries(dir, "end")).map(({ id, status }) => [id, status]);

describe("a sweep's supervisor", () => {
  it("gives a point up that crashes on and on, and the next one tries it again", () =>
    withFolder(async (dir) => {
      await folderOf(dir, [{ id: "a" }, { id: "b" }]);
      await go(
        dir,
        fake(1, (id) => (id === "a" ? crashed : { status: "failed", message: "bad" })),
      );
      assert.deepEqual(await ends(dir), [
        ["a", "crashed"],
        ["b", "failed"],
      ]);
      const found = await openSweep(dir);
      assert.deepEqual([found.status, found.points[0]?.status], ["stopped", "crashed"]);
      assert.match(found.points[0]?.message ?? "", /4 attempts crashed, the last: no memory/);
      await go(
        dir,
        fake(1, () => finished),
      );
      assert.deepEqual((await ends(dir)).at(-1), ["a", "finished"]);
      assert.equal((await entries(dir, "attempt")).filter(({ id }) => id === "b").length, 1);
      const { status, points } = await openSweep(dir);
      // What it crashed with is over.
      assert.deepEqual([status, points[0]?.message], ["finished", undefined]);
    }));

  it("tries again what may pass, and not what would come again", () => {
    const passing = [
      new RangeError("Array buffer allocation failed"),
      new RangeError("Maximum call stack size exceeded"),
      new LCError("LC_DISK", "full"),
      new Error("ENOMEM"),
    ];
    assert.deepEqual(passing.filter(comesAgain), []);
    const coming = [new RangeError("rank 9 of 3"), new LCError("LC_DIVERGED", "NaN")];
    assert.deepEqual(coming.filter(comesAgain), coming);
  });

  it("counts no crash of a point that has got further since, and no end of its time", () =>
    withFolder(async (dir) => {
      await folderOf(dir, [{ id: "a" }, { id: "b" }]);
      const executor = fake(1, (id, attempt, tell) => {
        // Epochs only, of one step more each time: what a queue tells may leave the steps out.
        if (id === "a") tell(attempt, { kind: "epoch" });
        if (attempt === 9) return finished;
        return id === "a" ? crashed : { status: "stopped" };
      });
      await go(dir, executor);
      assert.deepEqual(await ends(dir), [
        ["a", "finished"],
        ["b", "finished"],
      ]);
      assert.equal((await entries(dir, "crash")).filter(({ id }) => id === "b").length, 0);
    }));

  it("stops when every point crashes, and says with what", () =>
    withFolder(async (dir) => {
      await folderOf(
        dir,
        ["a", "b", "c", "d", "e"].map((id) => ({ id })),
      );
      await assert.rejects(
        go(
          dir,
          fake(2, () => crashed),
        ),
        { code: "LC_ENGINE", message: /every point crashes, the last with: no memory/ },
      );
      assert.deepEqual(await ends(dir), []);
      const { status, message, figure } = await openSweep(dir);
      assert.equal(status, "stopped");
      assert.match(message ?? "", /every point crashes/);
      assert.match(figure.chart.subtitle ?? "", /^stopped.*every point crashes/);
    }));

  it("finds points hopeless by scores that earlier supervisors saw, and none without scores", () =>
    withFolder(async (dir) => {
      await folderOf(dir, [{ id: "good" }, { id: "none" }, { id: "bad" }], 2);
      const journal = await openJournal(
        await mkdir(pointFolder(dir, "good"), { recursive: true }).then(() =>
          join(pointFolder(dir, "good"), "journal.jsonl"),
        ),
      );
      const scores = { ratio: 10, trainLoss: 1 };
      await journal.append({ type: "record", record: record(10, scores) });
      await journal.close();
      const before = await openJournal<SweepEntry>(join(dir, "journal.jsonl"));
      await before.append({ type: "end", time: "", id: "good", status: "finished" });
      await before.close();
      const executor = fake(1, (id, _attempt, tell) => {
        if (id === "none") tell(6, { ratio: 5, trainLoss: Number.NaN });
        if (id === "none") tell(7, { ratio: 5, distortion: 1 });
        if (id === "none") return finished;
        tell(6, { ratio: 5, trainLoss: 3 });
        return forever;
      });
      await go(dir, executor);
      assert.deepEqual((await ends(dir)).slice(1), [
        ["none", "finished"],
        ["bad", "hopeless"],
      ]);
    }));

  it("starts a point from the nearest one before that has finished, the same in every attempt", () =>
    withFolder(async (dir) => {
      const ids = ["a", "b", "c", "d"];
      const chain = ids.map((id, i) => ({ id, ...(i > 0 ? { after: ids[i - 1] as string } : {}) }));
      await folderOf(dir, [...chain, { id: "x" }, { id: "y", after: "x" }]);
      const failed = { status: "failed", message: "bad" } as const;
      const executor = fake(2, (id, attempt) => {
        if (id === "d" && attempt === 1) return crashed;
        return id === "b" || id === "c" || id === "x" ? failed : finished;
      });
      await go(dir, executor);
      const from = (await entries(dir, "attempt")).map(({ id, from: start }) => [id, start]);
      const of = (id: string) => from.filter(([name]) => name === id).map(([, start]) => start);
      assert.deepEqual(of("a"), [undefined]);
      assert.deepEqual(of("b"), ["a"]);
      assert.deepEqual(of("c"), ["a"]);
      assert.deepEqual(of("d"), ["a", "a"]);
      assert.deepEqual(of("y"), [null]);
      assert.equal((await openSweep(dir)).points[3]?.from, "a");
    }));

  it("writes nothing more when it has lost the sweep", () =>
    withFolder(async (dir) => {
      await folderOf(dir, [{ id: "a" }]);
      let end: (how: AttemptEnd) => void = () => undefined;
      let begun: () => void = () => undefined;
      const started = new Promise<void>((resolve) => {
        begun = resolve;
      });
      const executor = fake(1, () => {
        begun();
        return new Promise((resolve) => {
          end = resolve;
        });
      });
      // Looks never: it finds out by what it would write.
      const work = supervise(dir, executor, new AbortController().signal, null, {
        ...{ pauses: [1], look: 1e6 },
      });
      await started;
      const other = await lockFolder(dir, 1);
      const before = await readFile(join(dir, "journal.jsonl"), "utf8");
      end(finished);
      await assert.rejects(work, /was taken over by a later attempt/);
      assert.equal(await readFile(join(dir, "journal.jsonl"), "utf8"), before);
      await other.check();
    }));

  it("ends when it has lost the sweep, also while nothing happens", () =>
    withFolder(async (dir) => {
      await folderOf(dir, [{ id: "a" }]);
      let begun: () => void = () => undefined;
      const started = new Promise<void>((resolve) => {
        begun = resolve;
      });
      const executor = fake(1, () => {
        begun();
        return forever;
      });
      const work = go(dir, executor);
      await started;
      await lockFolder(dir, 1);
      await assert.rejects(work, /was taken over by a later attempt/);
    }));

  it("is stopped by a file; one on another machine that does not hear is named", () =>
    withFolder(async (dir) => {
      await folderOf(dir, [{ id: "a" }]);
      const executor = fake(1, () => forever);
      const work = go(dir, executor);
      while (!(await stopSweep(dir)));
      await work;
      assert.deepEqual(
        (await entries(dir, "stop")).map(({ status }) => status),
        ["stopped"],
      );
      const since = "2026-01-02T03:04:05.000Z";
      const owner = { pid: 7, host: "elsewhere", started: "1", token: "x", attempt: 0, since };
      await writeFile(join(dir, "lock"), JSON.stringify(owner));
      await assert.rejects(stopSweep(dir, { notice: 10 }), {
        code: "LC_STATE",
        message: /process 7 on elsewhere since 2026.*If that machine is gone, remove .*lock\./,
      });
      const { status, supervisor, figure } = await openSweep(dir);
      assert.deepEqual([status, supervisor], ["running", { host: "elsewhere", pid: 7, since }]);
      assert.match(
        figure.chart.subtitle ?? "",
        /on elsewhere since 2026.*remove .*lock and attach/,
      );
    }));
});

describe("a sweep's speed", () => {
  it("is that of the newest process of each point, whatever was done before it", () =>
    withFolder(async (dir) => {
      await folderOf(dir, [{ id: "a" }, { id: "b" }]);
      const lock = await lockFolder(dir);
      const subtitle = async () => (await openSweep(dir)).figure.chart.subtitle ?? "";
      assert.equal(await subtitle(), "running, 0 of 2 points");
      const sweepJournal = await openJournal<SweepEntry>(join(dir, "journal.jsonl"));
      await sweepJournal.append({ type: "attempt", time: "", id: "a", attempt: 1 });
      await sweepJournal.close();
      await mkdir(pointFolder(dir, "a"), { recursive: true });
      const journal = await openJournal(join(pointFolder(dir, "a"), "journal.jsonl"));
      const start = {
        ...{
          type: "start" as const,
          time: "",
          checkpoint: null,
          lclab: "",
          node: "",
          platform: "",
        },
        ...{ engine: "wasm", pid: 1 },
      };
      await journal.append({ ...start, records: 0 });
      await journal.append({ type: "record", record: record(0, { seconds: 0 }) });
      await journal.append({ type: "record", record: record(4, { seconds: 400 }) });
      assert.match(await subtitle(), /0\.01 epochs\/s/);
      await journal.append({ ...start, records: 2 });
      await journal.append({ type: "record", record: record(5, { seconds: 20 }) });
      await journal.append({ type: "record", record: record(7, { seconds: 24 }) });
      await journal.close();
      assert.equal((await openSweep(dir)).points[0]?.epochsPerSecond, 0.5);
      // 3 epochs of this one, and 10 of the one that waits.
      assert.equal(await subtitle(), "running, 0 of 2 points · 0.5 epochs/s · 26 s left");
      await lock.release();
      assert.equal(await subtitle(), "stopped, 0 of 2 points");
    }));

  const view = (change: Partial<SweepView>): SweepView => ({
    ...{ dir: "", status: "running", supervisor: null, supervisors: 1, seconds: 185 },
    executor: { kind: "pool", workers: 2, threads: 1 },
    ...{ points: [], journal: [], starts: new Map() },
    spec: {
      ...{ network: { name: "n" }, data: { name: "d" } },
      reference: { trainLoss: 1, testError: 1 },
    } as SweepSpec,
    ...change,
  });
  const point = (status: SweepPoint["status"], done?: number, epochsPerSecond?: number) => ({
    ...{ id: "", combination: "Q", level: "", seed: 0, attempts: 1, status },
    ...(done === undefined ? {} : { newest: record(done) }),
    ...(epochsPerSecond === undefined ? {} : { epochsPerSecond }),
  });
  const says = (change: Partial<SweepView>) => figureOf(view(change)).chart.subtitle;

  it("is guessed from the others for a process of the pool that has just begun, and not for a queue", () => {
    const points = [point("finished", 10, 2), point("running"), point("waiting")];
    assert.equal(says({ points }), "running, 1 of 3 points · 2 epochs/s · 10 s left");
    const executor = { kind: "bullmq", url: "", queue: "", slots: 9 } as const;
    assert.equal(says({ points, executor }), "running, 1 of 3 points");
  });

  it("leaves as long as the slowest point that runs takes", () => {
    const points = [point("running", 9, 1), point("running", 2, 0.5)];
    assert.equal(says({ points }), "running, 0 of 2 points · 1.5 epochs/s · 16 s left");
  });

  it("leaves the word on points off the axis", () => {
    const scored = (ratio: number, testError: number) => ({
      ...record(1),
      ratio,
      testError,
      trainLoss: 1,
    });
    const points = [1, 2].map((i) => ({
      ...point("finished", 10),
      ...{ id: `${i}`, scores: scored(10 * i, i), direct: scored(10 * i, 80) },
    }));
    assert.match(
      says({ points, status: "finished" }) ?? "",
      /^finished, 2 of 2 points · .* · Direct compression: 1 point above the axis/,
    );
  });

  it("becomes the time that it took", () =>
    assert.equal(
      says({ points: [point("finished", 10, 2)], status: "finished" }),
      "finished, 1 of 1 points · 3 min 5 s",
    ));

  it("leaves out the time when nobody was at work", () =>
    withFolder(async (dir) => {
      await folderOf(dir, [{ id: "a" }]);
      const journal = await openJournal<SweepEntry>(join(dir, "journal.jsonl"));
      const at = (second: number) => new Date(1e12 + 1000 * second).toISOString();
      const supervisor = { type: "supervisor", pid: 1, host: "h" } as const;
      await journal.append({ ...supervisor, time: at(0) });
      await journal.append({ type: "attempt", time: at(1), id: "a", attempt: 1 });
      await journal.append({ type: "stop", time: at(20), status: "stopped" });
      await journal.append({ ...supervisor, time: at(3600) });
      await journal.append({ type: "end", time: at(3615), id: "a", status: "finished" });
      await journal.close();
      const { figure } = await openSweep(dir);
      assert.equal(figure.chart.subtitle, "finished, 1 of 1 points · 35 s");
    }));
});

describe("the pool", () => {
  it("kills a worker that does not stop, though its heart beats", () =>
    withFolder(async (dir) => {
      const deaf = fileURLToPath(new URL("fixtures/deaf.ts", import.meta.url));
      const executor = poolExecutor({ workers: 1, threads: 1 }, [deaf, ["--import=tsx"]], 300);
      const attempt = executor.start(dir, "a", 1, () => undefined);
      attempt.stop();
      const end = await attempt.end;
      assert.equal(end.status, "crashed");
      assert.match((end as { message: string }).message, /SIGKILL/);
      await executor.close();
    })).timeout(20_000);
});
