import assert from "node:assert/strict";
import type { SweepEntry } from "../../src/sweep/journal.ts";
import { timelineOf } from "../../src/sweep/timeline.ts";

/** Seconds after the beginning, as a journal has them. */
const at = (seconds: number): string => new Date(1000 * seconds).toISOString();
const begin = (seconds: number): SweepEntry => ({
  ...{ type: "supervisor", time: at(seconds), pid: 1, host: "here" },
});
const attempt = (seconds: number, id: string, number: number): SweepEntry => ({
  ...{ type: "attempt", time: at(seconds), id, attempt: number },
});
/** When runs began by the point's id; by default a moment after they were given out. */
const startsOf = (entries: readonly SweepEntry[]): Record<string, number[]> => {
  const starts: Record<string, number[]> = {};
  for (const entry of entries) {
    if (entry.type !== "attempt") continue;
    starts[entry.id] = [...(starts[entry.id] ?? []), Date.parse(entry.time) + 500];
  }
  return starts;
};
const shown = (entries: readonly SweepEntry[], now?: number, starts = startsOf(entries)) => {
  const { attempts, stops } = timelineOf(entries, new Map(Object.entries(starts)), now);
  return {
    attempts: attempts.map((a) => `${a.id}${a.attempt} ${a.from / 1000}–${a.to / 1000} ${a.end}`),
    stops: stops.map((ms) => ms / 1000),
  };
};

describe("the timeline of a sweep's journal", () => {
  it("has each attempt from its beginning to its crash, its end or the sweep's stop", () => {
    const entries: SweepEntry[] = [
      begin(0),
      attempt(1, "a", 1),
      attempt(2, "b", 1),
      { type: "crash", time: at(3), id: "b", message: "killed" },
      attempt(4, "b", 2),
      { type: "end", time: at(5), id: "a", status: "finished" },
      attempt(5, "c", 1),
      { type: "end", time: at(6), id: "c", status: "crashed", message: "again" },
      { type: "stop", time: at(7), status: "stopped" },
    ];
    assert.deepEqual(shown(entries), {
      attempts: ["a1 1.5–5 finished", "b1 2.5–3 crash", "b2 4.5–7 stopped", "c1 5.5–6 crash"],
      stops: [7],
    });
  });

  it("has attempts that are open running until now", () => {
    assert.deepEqual(shown([begin(0), attempt(1, "a", 1)], 9000), {
      attempts: ["a1 1.5–9 running"],
      stops: [],
    });
  });

  it("has those of a supervisor that said no word lost at its last line", () => {
    const killed = [begin(0), attempt(1, "a", 1), attempt(2, "b", 1)];
    // The second began after the last line; nothing more is known of it.
    const lost = ["a1 1.5–2 lost", "b1 2.5–2.5 lost"];
    assert.deepEqual(shown(killed), { attempts: lost, stops: [2] });
    assert.deepEqual(shown([...killed, begin(100), attempt(101, "a", 2)], 103_000), {
      attempts: [...lost, "a2 101.5–103 running"],
      stops: [2],
    });
  });

  it("has an attempt whose time was over end where the next one of its point begins", () => {
    assert.deepEqual(shown([begin(0), attempt(1, "a", 1), attempt(4, "a", 2)], 5000).attempts, [
      "a1 1.5–4 stopped",
      "a2 4.5–5 running",
    ]);
  });

  it("has attempts from where their runs began, not from when they were given out", () => {
    const entries: SweepEntry[] = [
      begin(0),
      ...["a", "b", "c"].map((id) => attempt(1, id, 1)),
      { type: "crash", time: at(4), id: "c", message: "not found" },
      attempt(4, "c", 2),
      { type: "end", time: at(6), id: "a", status: "finished" },
    ];
    assert.deepEqual(shown(entries, 9000, { a: [3000], c: [7000] }).attempts, [
      "c1 1–4 crash",
      "a1 3–6 finished",
      "c2 7–9 running",
    ]);
  });

  it("has attempts of a machine whose clock is behind", () => {
    assert.deepEqual(shown([begin(0), attempt(10, "a", 1)], 20_000, { a: [8000] }).attempts, [
      "a1 8–20 running",
    ]);
  });

  it("of an empty journal is empty", () => {
    assert.deepEqual(shown([]), { attempts: [], stops: [] });
  });
});
