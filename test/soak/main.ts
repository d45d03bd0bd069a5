/**
 * Sweeps of 12 points with processes killed at random moments, on the pool and on BullMQ, whose Redis is restarted in the middle.
 * Every point must end in the bytes of the undisturbed sweep on the pool:
 *
 *     npm run soak -- [--seed N]      moments and victims of the kills, default 1; needs redis-server
 *
 * Ends itself after ten minutes. Ends with 1 on any difference, 2 if it cannot run.
 */
import { createHash } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
// @ts-expect-error [ts7016] a build script without types
import { build } from "../../scripts/build.mjs";
import { digits } from "../../src/data/digits.ts";
import { geometric, sgd } from "../../src/lc/schedules.ts";
import { train } from "../../src/lc/train.ts";
import { random } from "../../src/math/random.ts";
import { dense, model, network, tanh } from "../../src/net/network.ts";
import { initialWeights } from "../../src/net/zoo.ts";
import { historyOf, readJournal } from "../../src/runs/journal.ts";
import { type ExecutorSpec, pointFolder } from "../../src/sweep/folder.ts";
import type { Sweep, SweepOptions } from "../../src/sweep/sweep.ts";
import { table } from "../../src/table/table.ts";
import { digestOf, withFolder } from "../runs/support.ts";
import { entries, noRedis, services, silent, stateOf, untilSteps } from "../sweep/support.ts";
import { type Kill, killAt } from "./kills.ts";

const LIMIT_MS = 600_000;
const KILLS = 10;
const started = performance.now();
const seconds = (): string => `${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s`;
const say = (text: string): void => console.log(`${seconds()}  ${text}`);

const { values } = parseArgs({ options: { seed: { type: "string", default: "1" } } });
const seed = Number(values.seed);
const problem =
  Number.isSafeInteger(seed) && seed >= 0 && values.seed !== ""
    ? noRedis()
    : `--seed must be a whole number from 0, got "${values.seed}"`;
if (problem !== undefined) {
  console.error(`soak: ${problem}.`);
  process.exit(2);
}

/** What a sweep came to, a line for each point. */
interface Outcome {
  readonly name: string;
  readonly hashes: ReadonlyMap<string, string>;
  readonly wrong: readonly string[];
}

// What users run; the TypeScript loader would take most of the time of a point.
await build({ only: ["wasm", "code"] });
const dist = new URL("../../dist/", import.meta.url);
const { bull, pool, stopSweep, sweep } = (await import(
  new URL("src/index.js", dist).href
)) as typeof import("../../src/index.ts");
const lclab = fileURLToPath(new URL("kernel/main.js", dist));
const backing = await services();
const dirs: string[] = [];
const giveUp = async (why: string): Promise<never> => {
  console.error(`soak: ${why}.`);
  await stopAll();
  if (dirs[0]) await rm(dirname(dirs[0]), { recursive: true, force: true });
  process.exit(1);
};
const limit = setTimeout(
  () => giveUp(`not at its end after ${LIMIT_MS / 60_000} minutes`),
  LIMIT_MS,
);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => giveUp(signal));
await withFolder(async (folder) => {
  try {
    await soak(folder);
  } finally {
    await stopAll();
  }
});
clearTimeout(limit);

async function soak(folder: string): Promise<void> {
  const data = digits({ trainCount: 2000, testCount: 500 });
  const lStep = sgd({ rate: 0.1, epochs: 2, batch: 128 });
  const options: Omit<SweepOptions, "dir" | "executor"> = {
    net: await reference(data, lStep),
    data,
    combinations: ["Q", "P", "L", "Q+P"],
    levels: { bits: [1, 2], keep: [0.01, 0.02, 0.05], rank: [5] },
    lStep: sgd({ rate: 0.05, epochs: 1, batch: 64 }),
    mu: geometric({ from: 1e-2, factor: 1.15, steps: 14 }),
  };
  const onPool = pool({ workers: 2, threads: 1 });
  const onBull = bull({ url: backing.url });
  const begin = async (name: string, executor: ExecutorSpec): Promise<Sweep> => {
    say(`${name}: begins`);
    const dir = join(folder, `${dirs.length}`);
    dirs.push(dir);
    return sweep({ ...options, dir, executor });
  };
  const end = async (name: string, running: Sweep, kills: readonly Kill[] = []) => {
    const { status } = await running.live(silent);
    if (status !== "finished") throw new Error(`${name}: the sweep was ${status} before its end.`);
    const outcome = await outcomeOf(name, running.dir, kills);
    say(`${name}: ended`);
    return outcome;
  };
  const outcomes: Outcome[] = [];

  const calm = await begin("pool", onPool);
  outcomes.push(await end("pool", calm));
  say(`the longest point took ${(await longest(calm.dir)).toFixed(1)} s`);

  const redisFolder = join(folder, "redis");
  await mkdir(redisFolder);
  // As the README starts it: on the disk once a second.
  const redis = () => backing.redis(redisFolder, "--appendfsync", "everysec");
  let server = await redis();
  const workers = [await backing.worker(lclab), await backing.worker(lclab)];
  outcomes.push(await end("BullMQ", await begin("BullMQ", onBull)));

  const told = (kill: Kill): void => {
    const what = kill.what === "point" ? "process" : "BullMQ worker";
    say(`  killed the ${what} of ${kill.id}, attempt ${kill.attempt}, in LC step ${kill.step}`);
  };
  const wild = await begin("pool, killed", onPool);
  const wildKills = await killAt(wild.dir, KILLS, random(seed, 1), told);
  outcomes.push(await end("pool, killed", wild, wildKills));

  const rng = random(seed, 2);
  const worst = await begin("BullMQ, killed", onBull);
  const killWorker = async (): Promise<void> => {
    const at = rng.below(workers.length);
    await backing.kill(workers[at]);
    workers[at] = await backing.worker(lclab);
  };
  const restart = async (): Promise<void> => {
    await untilSteps(worst.dir, (12 * options.mu.length) / 2);
    await backing.kill(server);
    server = await redis();
    say("  killed Redis and started it again");
  };
  const [kills] = await Promise.all([killAt(worst.dir, KILLS, rng, told, killWorker), restart()]);
  outcomes.push(await end("BullMQ, killed", worst, kills));
  report(outcomes);
}

/** A trained network whose points take seconds: 39,700 weights. */
async function reference(data: SweepOptions["data"], lStep: SweepOptions["lStep"]) {
  const small = network({
    name: "small",
    input: [28, 28, 1],
    layers: [{ kind: "flatten" }, dense("fc1", 50), tanh(), dense("out", 10)],
  });
  const steps = train(model(small, initialWeights(small, 1)), { data, lStep });
  for (;;) {
    const { done, value } = await steps.next();
    if (done) return value.model;
  }
}

/** Hashes of what every point has come to, and what is wrong with the counts. */
async function outcomeOf(name: string, dir: string, kills: readonly Kill[]): Promise<Outcome> {
  const attempts = await entries(dir, "attempt");
  const crashes = await entries(dir, "crash");
  const ended = await entries(dir, "end");
  const hashes = new Map<string, string>();
  const wrong: string[] = [];
  for (const id of new Set(attempts.map((entry) => entry.id))) {
    const count = (list: readonly { readonly id: string }[]): number =>
      list.filter((entry) => entry.id === id).length;
    const ends = ended.filter((entry) => entry.id === id).map(({ status }) => status);
    if (ends.join() !== "finished") wrong.push(`${id} ended ${ends.length} times: ${ends.join()}`);
    if (count(attempts) !== 1 + count(crashes)) {
      wrong.push(`${id} has ${count(attempts)} attempts after ${count(crashes)} crashes`);
    }
    if (count(crashes) < count(kills)) {
      wrong.push(`${id} was killed ${count(kills)} times and crashed ${count(crashes)} times`);
    }
    const history = historyOf(await readJournal(join(pointFolder(dir, id), "journal.jsonl")));
    const records = history.map(({ seconds: _, ...record }) => record);
    hashes.set(
      id,
      createHash("sha256")
        .update(digestOf(await stateOf(dir, id)))
        .update(JSON.stringify(records))
        .digest("hex"),
    );
  }
  say(`  ${attempts.length} attempts, ${crashes.length} crashes, ${ended.length} ends`);
  return { name, hashes, wrong };
}

/** Seconds of the point that took longest, with its process's start. */
async function longest(dir: string): Promise<number> {
  const began = new Map((await entries(dir, "attempt")).map(({ id, time }) => [id, time]));
  const took = (await entries(dir, "end")).map(
    ({ id, time }) => Date.parse(time) - Date.parse(began.get(id) ?? ""),
  );
  return Math.max(...took) / 1000;
}

function report(outcomes: readonly Outcome[]): void {
  const [calm] = outcomes as [Outcome];
  const wrong = outcomes.flatMap((one) => one.wrong.map((text) => `${one.name}: ${text}`));
  const rows = [...calm.hashes].map(([id, hash]) => {
    const found = outcomes.map(({ hashes }) => hashes.get(id) ?? "missing");
    if (found.some((other) => other !== hash))
      wrong.push(`${id} has not the same bytes everywhere`);
    return [id, ...found.map((one) => one.slice(0, 12))];
  });
  for (const { name, hashes } of outcomes) {
    if (hashes.size !== 12) wrong.push(`${name}: ${hashes.size} points, expected 12`);
  }
  const columns = ["point", ...outcomes.map(({ name }) => name)];
  console.log(
    table(
      columns.map((name) => ({ name })),
      rows,
    ).toText(),
  );
  for (const text of wrong) console.log(`✗ ${text}`);
  if (wrong.length === 0)
    console.log("✓ the same bytes in every sweep, and each point counted once");
  say("done");
  process.exitCode = wrong.length > 0 ? 1 : 0;
}

/** Supervisors outlive this process otherwise. */
async function stopAll(): Promise<void> {
  await Promise.all(dirs.map((dir) => stopSweep(dir)));
  await backing.close();
}
