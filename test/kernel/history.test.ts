import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { history, historyFolder } from "../../kernel/history.ts";

const temporary = () => mkdtempSync(join(tmpdir(), "lclab-history-"));
const all = Number.POSITIVE_INFINITY;
const search = (pattern: string, n = all, unique = false) =>
  ({ type: "search", pattern, n, unique, output: false }) as const;
const range = (session: number, start = 1, stop = all) =>
  ({ type: "range", session, start, stop, output: false }) as const;

describe("history", () => {
  it("keeps sessions apart and across restarts", () => {
    const folder = temporary();
    const first = history(folder);
    first.store(1, "a = 1");
    first.store(2, "a", "1");
    const second = history(folder);
    second.store(1, "b");
    const tail = { type: "tail", n: 3, output: false } as const;
    const rows = [
      [1, 1, "a = 1"],
      [1, 2, "a"],
      [2, 1, "b"],
    ];
    assert.deepEqual(second.find(tail), rows);
    assert.deepEqual(history(folder).find(tail), rows);
    assert.deepEqual(second.find({ ...tail, n: 2, output: true }), [
      [1, 2, ["a", "1"]],
      [2, 1, ["b", null]],
    ]);
  });

  it("finds ranges: session 0 is this one, -1 the one before, also in a session without cells", () => {
    const folder = temporary();
    const first = history(folder);
    for (const line of [1, 2, 3]) first.store(line, `cell ${line}`);
    assert.deepEqual(first.find(range(0, 2, 3)), [[1, 2, "cell 2"]]);
    const second = history(folder);
    assert.deepEqual(second.find(range(0)), []);
    assert.equal(second.find(range(-1)).length, 3);
    second.store(1, "x");
    assert.equal(second.find(range(-1)).length, 3);
    assert.deepEqual(second.find(range(1, 3)), [[1, 3, "cell 3"]]);
  });

  it("searches with *, ?, sets, a limit that keeps the latest, and without repetitions", () => {
    const one = history(temporary());
    ["f(1)", "f(2)", "a.b", "f(2)", "axb", "a\nb"].forEach((input, i) => {
      one.store(i + 1, input);
    });
    const found = (...args: Parameters<typeof search>) =>
      one.find(search(...args)).map(([, line]) => line);
    assert.deepEqual(found("f*"), [1, 2, 4]);
    assert.deepEqual(found("f*", 2), [2, 4]);
    assert.deepEqual(found("f*", all, true), [1, 4]);
    assert.deepEqual(found("a.b"), [3]);
    assert.deepEqual(found("a?b"), [3, 5, 6]);
    assert.deepEqual(found("f([^1])"), [2, 4]);
    assert.deepEqual(found("f([1-2])"), [1, 2, 4]);
    assert.deepEqual(found("[z-a]"), []);
  });

  it("skips what cannot be read, such as half a line of a killed kernel", () => {
    const folder = temporary();
    history(folder).store(1, "whole");
    appendFileSync(join(folder, "00000001.jsonl"), '{"line":2,"inp');
    assert.deepEqual(history(folder).find(range(1)), [[1, 1, "whole"]]);
  });

  it("gives each kernel a session of its own, in a file that only the user reads", () => {
    const folder = temporary();
    const kernels = [history(folder), history(folder), history(folder)];
    for (const kernel of kernels) kernel.store(1, "x");
    assert.equal(readdirSync(folder).length, 3);
    for (const name of readdirSync(folder))
      assert.equal(
        statSync(join(folder, name)).mode & 0o777,
        process.platform === "win32" ? 0o666 : 0o600,
      );
  });

  it("goes on without a folder to write to", () => {
    const file = join(temporary(), "file");
    writeFileSync(file, "");
    const logged: string[] = [];
    const { error } = console;
    console.error = (line: string) => logged.push(line);
    try {
      const one = history(join(file, "below"));
      one.store(1, "x");
      assert.deepEqual(one.find(range(0)), [[1, 1, "x"]]);
    } finally {
      console.error = error;
    }
    assert.match(logged.join("\n"), /^history: cannot write to .*set LCLAB_HISTORY/);
  });

  it("keeps the last 1,000 sessions", () => {
    const folder = temporary();
    for (let i = 1; i <= 1000; i++)
      writeFileSync(join(folder, `${String(i).padStart(8, "0")}.jsonl`), "");
    history(folder).store(1, "x");
    const names = readdirSync(folder).sort();
    assert.deepEqual([names.length, names[0]], [1000, "00000002.jsonl"]);
  });

  it("follows the platform's folders", () => {
    assert.equal(historyFolder({ LCLAB_HISTORY: "/h" }), "/h");
    assert.equal(historyFolder({ XDG_STATE_HOME: "/s" }, "linux"), join("/s", "lclab", "history"));
  });
});
