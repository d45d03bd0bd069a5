import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import { decoder } from "../../src/data/decode.ts";
import { type ImageBatch, type ImageFolder, imageFolder } from "../../src/data/image-folder.ts";
import { random } from "../../src/math/random.ts";
import { longestBlock, repeatedBlock } from "../support/event-loop.ts";
import { encodePng } from "../support/png.ts";

async function collect(batches: AsyncIterable<ImageBatch>): Promise<ImageBatch[]> {
  const all: ImageBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

/** Threads that were started while `body` ran, and how many of them are left. */
async function threadsOf(body: () => Promise<unknown>): Promise<[number, number]> {
  const started: Worker[] = [];
  const note = (worker: Worker) => void started.push(worker);
  process.on("worker", note);
  try {
    await body();
  } finally {
    process.off("worker", note);
  }
  return [started.length, started.filter(({ threadId }) => threadId >= 0).length];
}

describe("pictures decoded in threads", () => {
  let root: string;
  let small: string;
  let large: string;
  const options = { size: 8, crop: 6 };
  before(async function () {
    for (const name of ["jpeg-js", "pngjs"]) {
      if (existsSync(new URL(`../../node_modules/${name}/package.json`, import.meta.url))) continue;
      console.log(`      skipped: ${name} is not installed`);
      return this.skip();
    }
    root = await mkdtemp(join(tmpdir(), "lclab-"));
    [small, large] = [join(root, "small"), join(root, "large")];
    const rng = random(1);
    const noise = (width: number, height: number) => {
      const data = Uint8Array.from({ length: 4 * width * height }, () => rng.below(256));
      return { width, height, data };
    };
    const name: string = "jpeg-js";
    const { default: codec } = (await import(name)) as {
      default: { encode(picture: unknown, quality: number): { data: Uint8Array } };
    };
    for (const folder of [small, large]) await mkdir(join(folder, "a"), { recursive: true });
    for (let i = 0; i < 5; i++) {
      const picture = noise(20 + i, 17);
      const bytes = i % 2 === 0 ? encodePng(picture) : codec.encode(picture, 90).data;
      await writeFile(join(small, "a", `${i}.png`), bytes);
    }
    for (let i = 0; i < 3; i++) {
      await writeFile(join(large, "a", `${i}.jpg`), codec.encode(noise(900, 800), 90).data);
    }
  });
  after(async () => {
    if (root) await rm(root, { recursive: true });
  });

  it("gives the bytes that decoding on the caller's thread gives, shuffled or not", async () => {
    const threads = await imageFolder({ folder: small, ...options });
    const caller = await imageFolder({ folder: small, ...options, decode: decoder() });
    for (const batches of [{ batch: 2 }, { batch: 5, seed: 3, epoch: 2 }, { batch: 1, skip: 3 }]) {
      assert.deepEqual(
        await collect(threads.batches(batches)),
        await collect(caller.batches(batches)),
      );
    }
  });

  it("never blocks the caller's event loop for 50 ms, where one picture takes longer", async () => {
    const block = async (data: ImageFolder) => () => collect(data.batches({ batch: 3 }));
    const caller = await imageFolder({ folder: large, ...options, decode: decoder() });
    const blocked = await longestBlock(await block(caller));
    assert.ok(blocked > 50, `decoding three pictures takes only ${blocked} ms; take larger ones`);
    const threads = await imageFolder({ folder: large, ...options });
    const free = await repeatedBlock(await block(threads), 50);
    assert.ok(free <= 50, `${free} ms`);
  });

  it("names the file that cannot be read or decoded", async () => {
    const broken = join(root, "broken");
    await mkdir(join(broken, "a"), { recursive: true });
    const path = join(broken, "a", "x.jpg");
    await writeFile(path, "GIF89a");
    const data = await imageFolder({ folder: broken, ...options });
    await assert.rejects(data.batches({ batch: 2 }).next(), {
      name: "LCError",
      code: "LC_DATA",
      message: `LC_DATA: cannot read the picture ${path}: a picture must be JPEG (starts with ff d8 ff) or PNG (89 50 4e 47), got 47 49 46 38. For other formats give imageFolder a decode function.`,
    });
    await rm(path);
    await assert.rejects(data.batches({ batch: 2 }).next(), {
      code: "LC_DATA",
      message: new RegExp(`cannot read the picture ${path}: ENOENT`),
    });
  });

  it("ends its threads with the epoch, when the loop is left, and at an abort, at once", async () => {
    const data = await imageFolder({ folder: large, ...options });
    const ends = async (body: () => Promise<unknown>): Promise<void> => {
      const [started, left] = await threadsOf(body);
      assert.ok(started > 0 && left === 0, `${left} of ${started} threads left`);
    };
    await ends(() => collect(data.batches({ batch: 2 })));
    await ends(async () => {
      for await (const _ of data.batches({ batch: 1 })) break;
    });
    const stop = new AbortController();
    await ends(async () => {
      const first = data.batches({ batch: 3, signal: stop.signal }).next();
      setImmediate(() => stop.abort(new Error("enough")));
      await assert.rejects(first, { message: "enough" });
    });
    await ends(async () => {
      const broken = join(root, "cut off");
      await mkdir(join(broken, "a"), { recursive: true });
      for (let i = 0; i < 4; i++) await writeFile(join(broken, "a", `${i}.jpg`), "");
      const cut = await imageFolder({ folder: broken, ...options });
      await assert.rejects(cut.batches({ batch: 4 }).next(), { message: /got an empty file/ });
    });
  });

  it("does not keep a process alive that forgets the rest of an epoch", async () => {
    const script = fileURLToPath(new URL("./fixtures/forgets-epoch.ts", import.meta.url));
    const cwd = fileURLToPath(new URL("../..", import.meta.url));
    const child = spawn(process.execPath, ["--import", "tsx", script, small], {
      cwd,
      timeout: 30_000,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text) => {
        output += text;
      });
    }
    const [status] = await once(child, "close");
    assert.deepEqual([status, output], [0, "1\n"]);
  });
});
