import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import type { Progress } from "../lc/progress.ts";
import { files as runFiles } from "../runs/folder.ts";
import { followJournal, type JournalEntry } from "../runs/journal.ts";
import type { AttemptEnd, Executor } from "./executor.ts";
import { pointFolder } from "./folder.ts";
import { program } from "./pool.ts";
import { askToStop } from "./stop-file.ts";

const run = promisify(execFile);

/** How often Slurm and the folders are asked. */
const POLL_MS = 5000;

/** Points that are ready within this time become one array job. */
const GATHER_MS = 200;

/** What an array task works on: a line of the job's list. */
export interface SlurmTask {
  readonly id: string;
  readonly attempt: number;
}

/** Where an attempt says how it ended: its exit code alone would not tell bad input from a crash. */
export function resultFile(dir: string, { id, attempt }: SlurmTask): string {
  return join(pointFolder(dir, id), `attempt-${attempt}.json`);
}

/**
 * The batch script of an array of points. A task is requeued where its node fails and goes on from its checkpoint; a minute before
 * its time is over it is told, stops after its minibatch and saves.
 */
export function arrayScript(options: {
  readonly dir: string;
  readonly list: string;
  readonly tasks: number;
  readonly threads: number;
  /** Lines for Slurm as they are, e.g. "--partition=long". */
  readonly sbatch: readonly string[];
  readonly node: string;
}): string {
  const { dir, list, tasks, threads, sbatch, node } = options;
  const [file, execArgv] = program("slurm-task");
  const quoted = [node, ...execArgv, file, dir, list].map(quote).join(" ");
  return [
    "#!/bin/sh",
    `#SBATCH --job-name=lclab`,
    `#SBATCH --array=0-${tasks - 1}`,
    `#SBATCH --cpus-per-task=${threads}`,
    "#SBATCH --requeue",
    "#SBATCH --open-mode=append",
    "#SBATCH --signal=B:TERM@60",
    `#SBATCH --output=${outputOf(dir)}`,
    ...sbatch.map((line) => `#SBATCH ${line}`),
    // The shell gets the signal; exec makes the task the one that hears it.
    `exec ${quoted} "$SLURM_ARRAY_TASK_ID" ${threads}`,
    "",
  ].join("\n");
}

/** Where tasks write: quoted, as Slurm reads a path like a shell and its % as a field. @throws RangeError for a line break. */
function outputOf(dir: string): string {
  if (/[\r\n]/.test(dir)) {
    throw new RangeError(
      `slurm: the folder's path must not have line breaks, got ${JSON.stringify(dir)}.`,
    );
  }
  const literal = dir.replaceAll("%", "%%").replace(/["\\]/g, "\\$&");
  return `"${join(literal, "slurm-%A-%a.log")}"`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** States in which nothing of a task runs any more; REQUEUED, PENDING and the like are not among them. */
const OVER = /^(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|OUT_OF_MEMORY|BOOT_FAIL|DEADLINE)/;

/** Points as tasks of array jobs; Slurm's machines see the sweep's folder at the same path. */
export function slurmExecutor(options: {
  readonly threads: number;
  readonly slots: number;
  readonly sbatch: readonly string[];
}): Executor {
  const stopped = new AbortController();
  /** Array jobs with tasks under way. */
  const jobs = new Map<string, number>();
  const ask = stateAsker(jobs);
  let gathered: (SlurmTask & {
    readonly job: (name: string) => void;
    readonly fail: (e: Error) => void;
  })[] = [];
  const submit = async (dir: string): Promise<void> => {
    const tasks = gathered;
    gathered = [];
    try {
      const folder = join(dir, "slurm");
      await mkdir(folder, { recursive: true });
      // By the time: tasks that wait read their list late, and it must not be another's even if the journal lost an attempt.
      const name = `${Date.now()}-${tasks[0]?.id}`;
      const list = join(folder, `${name}.json`);
      await writeFile(list, JSON.stringify(tasks.map(({ id, attempt }) => ({ id, attempt }))));
      const script = join(folder, `${name}.sh`);
      const { threads, sbatch } = options;
      await writeFile(
        script,
        arrayScript({ dir, list, tasks: tasks.length, threads, sbatch, node: process.execPath }),
      );
      const { stdout } = await run("sbatch", ["--parsable", script]);
      const job = stdout.trim().split(";")[0] as string;
      jobs.set(job, tasks.length);
      for (const [i, task] of tasks.entries()) task.job(`${job}_${i}`);
    } catch (error) {
      for (const { fail } of tasks) fail(error as Error);
    }
  };
  return {
    slots: options.slots,
    start(dir, id, attempt, onRecord) {
      const task: SlurmTask = { id, attempt };
      let stopping = false;
      const submitted = new Promise<string>((job, fail) => {
        if (gathered.length === 0) setTimeout(() => void submit(dir), GATHER_MS);
        gathered.push({ ...task, job, fail });
      });
      const end = (async (): Promise<AttemptEnd> => {
        try {
          const name = await submitted;
          const ended = await watch(dir, task, name, onRecord, ask, stopped.signal);
          const job = jobOf(name);
          const left = (jobs.get(job) ?? 1) - 1;
          if (left > 0) jobs.set(job, left);
          else jobs.delete(job);
          return stopping && ended.status === "crashed" ? { status: "stopped" } : ended;
        } catch (error) {
          return { status: "crashed", message: (error as Error).message };
        }
      })();
      return {
        end,
        stop() {
          stopping = true;
          void askToStop(dir, id, attempt).catch(() => undefined);
          // One that waits can go at once; one at work stops after its minibatch.
          void submitted
            .then((name) => run("scancel", ["--state=PENDING", name]))
            .catch(() => undefined);
        },
      };
    },
    async close() {
      stopped.abort();
    },
  };
}

async function watch(
  dir: string,
  task: SlurmTask,
  name: string,
  onRecord: (record: Progress) => void,
  ask: () => Promise<ReadonlyMap<string, string>>,
  signal: AbortSignal,
): Promise<AttemptEnd> {
  const journal = followJournal<JournalEntry>(join(pointFolder(dir, task.id), runFiles.journal));
  // What earlier attempts reported is known.
  await journal.more();
  for (let over = false; ; ) {
    for (const entry of await journal.more()) if (entry.type === "record") onRecord(entry.record);
    const text = await readFile(resultFile(dir, task), "utf8").catch(() => undefined);
    if (text !== undefined) return JSON.parse(text) as AttemptEnd;
    const state = (await ask()).get(name) ?? "unknown";
    // Once more after the end: the file may come later than the state.
    if (over) return { status: "crashed", message: `Slurm's task ${name} ended as ${state}` };
    over = OVER.test(state);
    await wait(POLL_MS, undefined, { signal });
  }
}

/** Number of the array job of a task. */
function jobOf(name: string): string {
  return name.split("_")[0] as string;
}

/**
 * Asks Slurm for the states of all tasks at once, and not again for a while, whoever wants to know. Those that it does not tell,
 * or none where it does not answer, are asked for later.
 */
function stateAsker(jobs: ReadonlyMap<string, number>): () => Promise<ReadonlyMap<string, string>> {
  let asked = Number.NEGATIVE_INFINITY;
  let answer: Promise<ReadonlyMap<string, string>> = Promise.resolve(new Map());
  return () => {
    if (performance.now() - asked < POLL_MS - GATHER_MS) return answer;
    asked = performance.now();
    const list = [...jobs.keys()].join(",");
    answer = run("sacct", ["-j", list, "-X", "-n", "-P", "-o", "JobID,State"]).then(
      ({ stdout }) =>
        new Map(
          stdout
            .split("\n")
            .map((line) => line.split("|"))
            .flatMap(([name, state]) => (name && state ? [[name, state] as const] : [])),
        ),
      () => new Map(),
    );
    return answer;
  };
}
