import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Disk, disk, writeDurably } from "../../src/runs/durable.ts";
import { openJournal, readJournal } from "../../src/runs/journal.ts";
import { lockFolder } from "../../src/runs/lock.ts";
import { failingDisk, failure } from "./failing-disk.ts";
import { withFolder } from "./support.ts";

describe("a file written durably", () => {
  it("is the old one or the new one, whatever fails, and leaves nothing beside it", () =>
    withFolder(async (folder) => {
      const path = join(folder, "a");
      await writeDurably(path, Buffer.from("old"));
      for (const where of ["write", "sync", "rename"] as const) {
        for (const code of ["ENOSPC", "EIO"]) {
          await assert.rejects(
            writeDurably(path, Buffer.from("newer"), failingDisk(where, code, 0)),
            {
              code: "LC_DISK",
              message: new RegExp(`cannot write .*${code}.*needs 5 bytes, \\d+ are free`),
            },
          );
          assert.equal(await readFile(path, "utf8"), "old");
          assert.deepEqual(await readdir(folder), ["a"]);
        }
      }
      await writeDurably(path, Buffer.from("newer"));
      assert.equal(await readFile(path, "utf8"), "newer");
    }));

  it("is whole when the system writes it in pieces", () =>
    withFolder(async (folder) => {
      const path = join(folder, "a");
      const slow: Disk = {
        ...disk,
        async create(to) {
          const file = await disk.create(to);
          return {
            write: (bytes: Uint8Array, from: number) => file.write(bytes, from, 1),
            sync: () => file.sync(),
            close: () => file.close(),
          } as unknown as typeof file;
        },
      };
      await writeDurably(path, Buffer.from("piece by piece"), slow);
      assert.equal(await readFile(path, "utf8"), "piece by piece");
    }));
});

describe("a journal", () => {
  it("keeps NaN and infinities, and what comes after a torn line", () =>
    withFolder(async (folder) => {
      const path = join(folder, "journal.jsonl");
      const first = await openJournal(path);
      await first.append({ type: "checkpoint", file: "a", trainLoss: Number.NaN });
      await first.append({ type: "checkpoint", file: "b", trainLoss: Number.POSITIVE_INFINITY });
      await first.close();
      const { length } = await readFile(path);
      await truncate(path, length - 7);
      const second = await openJournal(path);
      await second.append({ type: "checkpoint", file: "c", trainLoss: 1 });
      await second.close();
      assert.deepEqual(await readJournal(path), [
        { type: "checkpoint", file: "a", trainLoss: Number.NaN },
        { type: "checkpoint", file: "c", trainLoss: 1 },
      ]);
    }));
});

describe("a journal on a disk", () => {
  it("is whole when the system writes it in pieces, says LC_DISK when it is full, and goes on after", () =>
    withFolder(async (folder) => {
      const path = join(folder, "journal.jsonl");
      let full = false;
      const on: Disk = {
        ...disk,
        async append(to) {
          const file = await disk.append(to);
          return {
            write: (bytes: Uint8Array, from: number) => {
              if (full && from > 9) throw failure("ENOSPC");
              return file.write(bytes, from, 1);
            },
            sync: () => file.sync(),
            stat: () => file.stat(),
            close: () => file.close(),
          } as unknown as typeof file;
        },
      };
      const journal = await openJournal(path, undefined, on);
      const entry = (file: string) => ({ type: "checkpoint", file, trainLoss: 1 }) as const;
      await journal.append(entry("é"));
      full = true;
      await assert.rejects(journal.append(entry("b")), {
        code: "LC_DISK",
        message: /journal\.jsonl: ENOSPC.*It needs \d+ bytes/,
      });
      full = false;
      const files = Array.from({ length: 20 }, (_, i) => `at once ${i}`);
      await Promise.all(files.map((file) => journal.append(entry(file), { sync: true })));
      await journal.close();
      assert.deepEqual(await readJournal(path), ["é", ...files].map(entry));
    }));

  it("is not written to when its check says no", () =>
    withFolder(async (folder) => {
      const path = join(folder, "journal.jsonl");
      const journal = await openJournal(path, () => Promise.reject(new Error("lost")));
      await assert.rejects(journal.append({ type: "checkpoint", file: "a", trainLoss: 1 }), /lost/);
      await journal.close();
      assert.equal(await readFile(path, "utf8"), "");
    }));
});

describe("a folder's lock", () => {
  it("is one process's, and taken over from a dead one only", () =>
    withFolder(async (folder) => {
      const lock = await lockFolder(folder);
      await assert.rejects(lockFolder(folder), {
        code: "LC_STATE",
        message: new RegExp(`is in use by process ${process.pid} on `),
      });
      await lock.release();
      await (await lockFolder(folder)).release();
      const ended = spawn(process.execPath, ["-e", ""]);
      await once(ended, "exit");
      const dead = { pid: ended.pid, host: hostname(), started: "1", token: "x", attempt: 0 };
      // A number that came back, in this process and in another; a dead one; a lock killed half written.
      const stale = [dead, { ...dead, pid: process.pid }, { ...dead, pid: process.ppid }];
      for (const text of [...stale.map((owner) => JSON.stringify(owner)), '{"pid":']) {
        await writeFile(join(folder, "lock"), text);
        await (await lockFolder(folder)).release();
      }
      await writeFile(join(folder, "lock"), JSON.stringify({ ...dead, host: "elsewhere" }));
      await assert.rejects(lockFolder(folder), /in use by process \d+ on elsewhere/);
    }));

  it("is taken over by a later attempt, which the earlier one notices", () =>
    withFolder(async (folder) => {
      const first = await lockFolder(folder, 1);
      await first.check();
      await assert.rejects(lockFolder(folder, 1), /in use/);
      const second = await lockFolder(folder, 2);
      await assert.rejects(first.check(), /was taken over by a later attempt/);
      await first.release();
      await second.check();
      await assert.rejects(lockFolder(folder), /in use/);
    }));

  it("is given to one of many that ask at the same time for a stale one", () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, "lock"), "");
      const all = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)));
      assert.equal(all.filter(({ status }) => status === "fulfilled").length, 1);
    }));

  it("is one process's at a time, whoever is killed with it, and leaves nothing beside it", () =>
    withFolder(async (folder) => {
      const fixture = fileURLToPath(new URL("fixtures/locker.ts", import.meta.url));
      const locker = async (die: number, seed: number) => {
        const args = ["--import=tsx", fixture, folder, "20", String(die), String(seed)];
        const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
        let said = "";
        child.stdout.on("data", (data) => {
          said += data;
        });
        const [code, signal] = await once(child, "close");
        return [said, die > 0 ? signal : code];
      };
      // Twice, so that some begin with what the killed ones left.
      for (let round = 0; round < 2; round++) {
        const ends = await Promise.all([0, 7, 0, 15, 0, 1].map(locker));
        assert.deepEqual(
          ends,
          [0, "SIGKILL", 0, "SIGKILL", 0, "SIGKILL"].map((end) => ["", end]),
        );
      }
      await (await lockFolder(folder)).release();
      const left = (await readdir(folder)).filter((file) => file.startsWith("lock"));
      assert.deepEqual(left, []);
    })).timeout(120_000);

  it("is taken over after a process was killed in the middle of taking it over", () =>
    withFolder(async (folder) => {
      const ended = spawn(process.execPath, ["-e", ""]);
      await once(ended, "exit");
      const dead = { pid: ended.pid, host: hostname(), started: "1", attempt: 0, since: "" };
      const text = (token: string) => JSON.stringify({ ...dead, token });
      const marker = (token: string) =>
        `lock.${createHash("sha256").update(text(token)).digest("hex").slice(0, 32)}`;
      await writeFile(join(folder, "lock"), text("a"));
      await writeFile(join(folder, marker("a")), text("b"));
      await writeFile(join(folder, marker("b")), text("c"));
      const lock = await lockFolder(folder);
      assert.deepEqual(await readdir(folder), ["lock"]);
      await lock.release();
      assert.deepEqual(await readdir(folder), []);
    }));
});
