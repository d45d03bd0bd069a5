import assert from "node:assert/strict";
import { mock } from "node:test";
import type { Figure } from "../../src/charts/figure.ts";
import { live, liveWith } from "../../src/charts/live.ts";
import { panels } from "../../src/charts/panels/live-panels.ts";
import type { Progress } from "../../src/lc/progress.ts";
import { displaySymbol } from "../../src/notebook.ts";
import { records, run } from "./samples.ts";

const holder = globalThis as { display?: unknown };

/** A notebook's display that keeps what it was shown, with the time of each. */
function fakeDisplay(): { readonly shown: Figure[]; readonly times: number[]; calls(): number } {
  const shown: Figure[] = [];
  const times: number[] = [];
  let calls = 0;
  const keep = (value: unknown): void => {
    shown.push(value as Figure);
    times.push(Date.now());
  };
  holder.display = (value: unknown) => {
    calls++;
    keep(value);
    return { update: keep };
  };
  return { shown, times, calls: () => calls };
}

const text = (figure: Figure | undefined): string => figure?.[displaySymbol]()["text/plain"] ?? "";

/** A run whose records are `everyMs` apart, on the mocked clock. */
async function* paced(all: Iterable<Progress>, everyMs: number): AsyncGenerator<Progress, string> {
  for (const record of all) {
    mock.timers.tick(everyMs);
    yield record;
  }
  return "done";
}

describe("live in a notebook", () => {
  beforeEach(() => mock.timers.enable({ apis: ["Date", "setTimeout"] }));
  afterEach(() => {
    mock.timers.reset();
    delete holder.display;
  });

  it("returns what the run returns", async () => {
    fakeDisplay();
    const solution = { status: "finished", ratio: 30.2 };
    assert.equal(await live(run(records(2, 2), solution)), solution);
  });

  it("shows one figure and then only updates it", async () => {
    const { calls, shown } = fakeDisplay();
    await live(paced(records(3, 10), 100));
    assert.equal(calls(), 1);
    assert.ok(shown.length > 5);
  });

  it("updates at most twice a second by default, and up to the given rate", async () => {
    for (const [perSecond, apart] of [
      [2, 500],
      [10, 100],
    ] as const) {
      const { times } = fakeDisplay();
      await liveWith({ updatesPerSecond: perSecond }, paced(records(5, 10), 30));
      const gaps = times.slice(2, -1).map((time, i) => time - (times[i + 1] ?? 0));
      assert.ok(gaps.length > 2);
      assert.ok(
        gaps.every((gap) => gap >= apart),
        `${perSecond}/s: ${gaps}`,
      );
    }
  });

  it("a record is shown when it is due, also if no other follows", async () => {
    const { shown } = fakeDisplay();
    let resume = (): void => {};
    const waiting = new Promise<void>((resolve) => {
      resume = resolve;
    });
    const [first, second] = [...records(1, 3)];
    assert.ok(first && second);
    async function* pausing(): AsyncGenerator<Progress, string> {
      yield first as Progress;
      yield second as Progress;
      await waiting;
      return "done";
    }
    const result = live(pausing());
    // Lets the run come to its pause.
    for (let i = 0; i < 20; i++) await Promise.resolve();
    assert.match(text(shown.at(-1)), /direct compression/);
    mock.timers.tick(500);
    assert.match(text(shown.at(-1)), /LC step 1 of 1 · epoch 1 of 3/);
    resume();
    await result;
  });

  it("ends with the last state and the solution's status", async () => {
    const { shown } = fakeDisplay();
    await live(run(records(3, 2), { status: "stopped" }));
    assert.match(
      text(shown.at(-1)),
      /^LC run, stopped · 3 of 3 LC steps · 3 s · ρ 30\.2 · test error 7\.63 %/,
    );
    const loss = shown.at(-1)?.chart.series[0];
    assert.deepEqual(loss?.x, [1, 2, 3, 4, 5, 6]);
  });

  it("a failing run leaves its last state shown, and its error is thrown on", async () => {
    const { shown } = fakeDisplay();
    const failure = new RangeError("loss is NaN");
    async function* failing(): AsyncGenerator<Progress, string> {
      yield* records(1, 4);
      throw failure;
    }
    await assert.rejects(live(failing()), (error) => error === failure);
    assert.match(text(shown.at(-1)), /^LC run, failed \(RangeError\) · 1 of 1 LC steps/);
    assert.deepEqual(shown.at(-1)?.chart.series[0]?.x, [1, 2, 3, 4]);
  });

  it("without panels it has four, with panels those", async () => {
    const all = fakeDisplay();
    await live(run(records(1, 1), ""));
    assert.equal(all.shown.at(-1)?.chart.panels.length, 4);
    const two = fakeDisplay();
    await live(run(records(1, 1), ""), panels.loss(), panels.testError());
    assert.deepEqual(
      two.shown.at(-1)?.chart.panels.map((panel) => panel.title),
      ["Training loss", "Test error"],
    );
  });

  it("draws at most 500 points per curve of a long run", async () => {
    const { shown } = fakeDisplay();
    await live(run(records(60, 40), ""));
    const lengths = shown.at(-1)?.chart.series.map((series) => series.x.length) ?? [];
    assert.ok(Math.max(...lengths) <= 500 && Math.max(...lengths) > 400, String(lengths));
  });

  it("plain training is called so, and counts epochs", async () => {
    const { shown } = fakeDisplay();
    const epochs = [...records(1, 5)]
      .filter((record) => record.kind === "epoch")
      .map((record) => ({ ...record, step: 0, steps: 0, testError: 3 }));
    await live(run(epochs, { status: "finished" }), panels.loss(), panels.testError());
    assert.match(
      text(shown.at(-1)),
      /^Training, finished · 5 of 5 epochs · 3 s · test error 3 %: L\(w\)/,
    );
  });

  for (const bad of [0, -1, 11, Number.NaN]) {
    it(`refuses ${bad} updates per second`, async () => {
      await assert.rejects(liveWith({ updatesPerSecond: bad }, run([], "")), {
        name: "RangeError",
        message: `live: updatesPerSecond must be in (0, 10], got ${bad}. Write 2 for two updates a second.`,
      });
    });
  }
});

describe("live without a notebook", () => {
  const stream = (isTTY: boolean): { text: string; isTTY: boolean; write(text: string): void } => ({
    text: "",
    isTTY,
    write(text) {
      this.text += text;
    },
  });

  it("on a terminal overwrites one line and ends it", async () => {
    const terminal = stream(true);
    await liveWith({ stream: terminal }, run(records(2, 2), { status: "finished" }));
    const lines = terminal.text.split("\n");
    assert.equal(lines.length, 2);
    assert.ok((lines[0] ?? "").startsWith("\rdirect compression"));
    assert.match(lines[0] ?? "", /\rLC run: finished · 2 of 2 LC steps · 2 s/);
    assert.ok((lines[0] ?? "").split("\r").every((line) => line.length < 80));
  });

  it("in a log writes whole lines and no carriage return", async () => {
    const log = stream(false);
    await liveWith({ stream: log }, run(records(2, 2), { status: "finished" }));
    assert.doesNotMatch(log.text, /\r/);
    assert.match(log.text, /^direct compression .*\nLC run: finished/);
  });
});
