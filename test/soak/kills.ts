import { setTimeout as wait } from "node:timers/promises";
import type { Random } from "../../src/math/random.ts";
import { type Owner, ownerOf } from "../../src/runs/lock.ts";
import { pointFolder } from "../../src/sweep/folder.ts";
import { Follower } from "../../src/sweep/follow.ts";
import { stepsIn } from "../sweep/support.ts";

/** A process that was killed at its work. */
export interface Kill {
  /** Since the sweep began. */
  readonly seconds: number;
  /** The point's own process, or the BullMQ worker above it. */
  readonly what: "point" | "worker";
  readonly id: string;
  readonly attempt: number;
  /** LC step that the point was in. */
  readonly step: number;
}

/** LC steps that a point must have before it: one that is about to finish may do so before the signal comes. */
const MARGIN = 3;

/** Longest wait after the step that a kill is due at, so that it falls into any part of a step, of a checkpoint, of a start. */
const LATE_MS = 400;

/**
 * Kills processes that are at work on points of a sweep, at moments of its progress that `rng` draws: one in each of `count` equal parts
 * of the first nine tenths of its LC steps, and up to 0.4 s later. So a slow machine has the same moments as a fast one.
 * @param killWorker Kills a process that has points' processes below it and puts another in its place; takes each third turn.
 * @throws Error if the sweep ends before.
 */
export async function killAt(
  dir: string,
  count: number,
  rng: Random,
  onKill: (kill: Kill) => void,
  killWorker?: () => Promise<void>,
): Promise<Kill[]> {
  const began = performance.now();
  const follower = await Follower.open(dir);
  const { spec } = await follower.look();
  const part = (0.9 * spec.points.length * spec.mu.length) / count;
  const kills: Kill[] = [];
  while (kills.length < count) {
    const due = part * (kills.length + rng.uniform());
    const late = LATE_MS * rng.uniform();
    for (;;) {
      const { points, status } = await follower.look();
      if (status !== "running") {
        throw new Error(`the sweep was ${status} before kill ${kills.length + 1} of ${count}.`);
      }
      if (stepsIn(points) >= due) break;
      await wait(20);
    }
    await wait(late);
    const kill = await killOne(kills.length % 3 === 2 ? killWorker : undefined);
    kills.push(kill);
    onKill(kill);
  }
  return kills;

  async function killOne(worker: (() => Promise<void>) | undefined): Promise<Kill> {
    for (;;) {
      const { points, status } = await follower.look();
      if (status !== "running") throw new Error(`the sweep was ${status}: nobody is to be killed.`);
      const busy: { id: string; step: number; owner: Owner }[] = [];
      for (const { id, status: is, newest } of points) {
        const step = newest?.step ?? 0;
        if (is !== "running" || step > spec.mu.length - MARGIN) continue;
        const owner = await ownerOf(pointFolder(dir, id));
        if (typeof owner === "object") busy.push({ id, step, owner });
      }
      const victim = busy[rng.below(Math.max(1, busy.length))];
      if (victim) {
        if (worker) await worker();
        else if (!killed(victim.owner.pid)) continue;
        const hit = worker ? await firstDead(busy) : victim;
        if (hit) {
          return {
            seconds: (performance.now() - began) / 1000,
            ...{ what: worker ? "worker" : "point", id: hit.id, step: hit.step },
            attempt: hit.owner.attempt,
          };
        }
      }
      await wait(20);
    }
  }

  /** The point whose process ended with the worker above it; undefined if that one was between two points. */
  async function firstDead<Point extends { id: string; owner: Owner }>(
    busy: readonly Point[],
  ): Promise<Point | undefined> {
    for (let tries = 0; tries < 100; tries++) {
      for (const point of busy) {
        const now = await ownerOf(pointFolder(dir, point.id));
        if (now === "dead" || (now !== "none" && now.token !== point.owner.token)) return point;
      }
      await wait(20);
    }
    return undefined;
  }
}

/** Whether it was still there. */
function killed(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
