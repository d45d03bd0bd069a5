import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  type DownloadOptions,
  type DownloadProgress,
  download,
  downloadRelease,
} from "../../src/data/download.ts";
import { cacheFolder } from "../../src/data/folders.ts";
import { fashionMnist, mnist } from "../../src/data/mnist.ts";
import { type Release, releases } from "../../src/data/releases.ts";
import { random } from "../../src/math/random.ts";
import { type Behaviour, type FileServer, fileServer } from "../support/file-server.ts";

const rng = random(4, 1);
const big = Uint8Array.from({ length: 300_000 }, () => rng.below(256));
const small = Uint8Array.of(1, 2, 3);
const files = { "big.gz": big, "small.gz": small };
const release: Release = {
  folder: "things",
  files: Object.entries(files).map(([name, bytes]) => ({
    name,
    bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  })),
  mirrors: [],
};

describe("download", () => {
  let folder: string;
  let servers: FileServer[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lclab-"));
    servers = [];
  });
  afterEach(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await rm(folder, { recursive: true });
  });

  const serve = async (behaviour?: Behaviour, content: Record<string, Uint8Array> = files) => {
    const server = await fileServer(content, behaviour);
    servers.push(server);
    return server;
  };
  const fetchAll = (options: DownloadOptions = {}): Promise<string> =>
    downloadRelease(release, {
      folder,
      mirrors: servers.map(({ url }) => url),
      pauseMs: 0,
      ...options,
    });
  const isWhole = async (): Promise<void> => {
    assert.deepEqual((await readdir(folder)).sort(), ["big.gz", "small.gz"]);
    assert.ok(Buffer.from(big).equals(await readFile(join(folder, "big.gz"))));
    assert.ok(Buffer.from(small).equals(await readFile(join(folder, "small.gz"))));
  };

  it("fetches every file whole, reports progress up to the last byte, and then asks no more", async () => {
    const server = await serve();
    const progress: DownloadProgress[] = [];
    assert.equal(await fetchAll({ progress: (p) => progress.push(p) }), folder);
    await isWhole();
    assert.deepEqual(progress[0], { file: "big.gz", received: 0, total: 300_000 });
    assert.deepEqual(progress.at(-1), { file: "small.gz", received: 3, total: 3 });
    const received = progress.filter(({ file }) => file === "big.gz").map((p) => p.received);
    assert.deepEqual(
      received,
      received.toSorted((a, b) => a - b),
    );
    assert.equal(received.at(-1), 300_000);
    await fetchAll();
    assert.deepEqual(server.requests, ["big.gz", "small.gz"]);
  });

  /** A progress callback that cuts the connection as soon as so many bytes are there. */
  const cutAt = (server: FileServer, ...at: number[]) => {
    return ({ received }: DownloadProgress): void => {
      if (received !== at[0]) return;
      at.shift();
      server.cut();
    };
  };

  it("goes on after an interruption with the bytes that are missing", async () => {
    const server = await serve({ pauses: [100_000, 50_000] });
    await fetchAll({ progress: cutAt(server, 100_000, 150_000) });
    await isWhole();
    assert.deepEqual(server.requests, [
      "big.gz",
      "big.gz from 100000",
      "big.gz from 150000",
      "small.gz",
    ]);
  });

  it("that was stopped keeps its part, and the next call resumes it", async () => {
    const server = await serve();
    const controller = new AbortController();
    const progress = ({ received }: DownloadProgress): void => {
      if (received > 0) controller.abort(new Error("enough"));
    };
    await assert.rejects(fetchAll({ signal: controller.signal, progress }), { message: "enough" });
    const [part] = await readdir(folder);
    assert.equal(part, "big.gz.part");
    const { length } = await readFile(join(folder, "big.gz.part"));
    await fetchAll();
    await isWhole();
    const rest = length < big.length ? [`big.gz from ${length}`] : [];
    assert.deepEqual(server.requests, ["big.gz", ...rest, "small.gz"]);
  });

  it("starts again where the server does not know Range", async () => {
    const server = await serve({ ranges: false, pauses: [100_000] });
    await fetchAll({ progress: cutAt(server, 100_000) });
    await isWhole();
    assert.deepEqual(server.requests, ["big.gz", "big.gz from 100000", "small.gz"]);
  });

  it("throws a part away that does not fit: too long, or of another file", async () => {
    await serve();
    for (const part of [new Uint8Array(400_000), new Uint8Array(1_000), new Uint8Array(300_000)]) {
      await writeFile(join(folder, "big.gz.part"), part);
      await fetchAll();
      await isWhole();
      await rm(join(folder, "big.gz"));
    }
  });

  it("takes over the part of a process that ended, and leaves that of one that runs", async () => {
    const server = await serve();
    await writeFile(join(folder, `big.gz.part-${process.ppid}-0`), big.subarray(0, 10));
    await writeFile(join(folder, "big.gz.part-4194999-0"), big.subarray(0, 20));
    await fetchAll();
    assert.equal(server.requests[0], "big.gz from 20");
    assert.deepEqual((await readdir(folder)).sort(), [
      "big.gz",
      `big.gz.part-${process.ppid}-0`,
      "small.gz",
    ]);
  });

  it("may run twice at once", async () => {
    await serve();
    await Promise.all([fetchAll(), fetchAll()]);
    await isWhole();
  });

  it("tries the next mirror after one that is missing the file, sends another, more, or re-encoded", async () => {
    const other = Uint8Array.from(big).fill(7, 5, 6);
    await serve({ status: 404 });
    await serve({}, { ...files, "big.gz": other });
    await serve({}, { ...files, "big.gz": new Uint8Array(300_001) });
    await serve({ headers: { "content-encoding": "br" } });
    await serve({ status: 503 });
    await serve();
    await fetchAll();
    await isWhole();
    assert.deepEqual(
      servers.map(({ requests }) => requests.filter((name) => name === "big.gz").length),
      [1, 1, 1, 1, 1, 1],
    );
  });

  it("asks a mirror again after a fault that may pass, and only then", async () => {
    await serve({ status: 503 });
    await serve({ status: 404 });
    await serve({}, { ...files, "big.gz": new Uint8Array(300_000) });
    await assert.rejects(fetchAll({ rounds: 3 }), (error: Error) => {
      assert.match(
        error.message,
        /answers HTTP 503; .* answers HTTP 404; .* sends another file: SHA-256 [0-9a-f]{64} instead of /,
      );
      return true;
    });
    assert.deepEqual(
      servers.map(({ requests }) => requests.length),
      [3, 1, 1],
    );
    assert.deepEqual(await readdir(folder), [], "nothing wrong is left under any name");
  });

  it("gives up a connection that is silent", async () => {
    await serve({ pauses: [1000, 0] });
    await assert.rejects(fetchAll({ timeoutMs: 100, rounds: 1 }), {
      code: "LC_DATA",
      message: /no answer for 0.1 s/,
    });
    await serve();
    await fetchAll({ timeoutMs: 300 });
    await isWhole();
  });

  it("offline says which file to put where", async () => {
    const { url } = await serve();
    await (servers.pop() as FileServer).close();
    await assert.rejects(fetchAll({ mirrors: [url], rounds: 2 }), {
      code: "LC_DATA",
      message: `LC_DATA: download: could not fetch big.gz (300000 bytes): ${url} connection refused. Without a network, put the file at ${join(folder, "big.gz")} by hand (SHA-256 ${release.files[0]?.sha256}); the set needs big.gz, small.gz there.`,
    });
    assert.deepEqual(await readdir(folder), []);
  });

  it("never overwrites a file that is there; accepts it unpacked", async () => {
    await serve();
    await writeFile(join(folder, "big.gz"), "mine");
    await assert.rejects(fetchAll(), {
      code: "LC_DATA",
      message: /big.gz is there but is not the published file: .* Delete it to fetch it again\.$/,
    });
    assert.equal(await readFile(join(folder, "big.gz"), "utf8"), "mine");
    await rm(join(folder, "big.gz"));
    await writeFile(join(folder, "big"), "unpacked");
    await fetchAll();
    assert.deepEqual((await readdir(folder)).sort(), ["big", "small.gz"]);
  });

  it("says when the folder cannot be written", async () => {
    await serve();
    await writeFile(join(folder, "taken"), "");
    await assert.rejects(fetchAll({ folder: join(folder, "taken") }), {
      code: "LC_DATA",
      message: /cannot write to .*taken: EEXIST.* Give another folder, or set LCLAB_CACHE\.$/,
    });
  });

  it("knows MNIST and Fashion-MNIST only, at https addresses", async () => {
    await assert.rejects(download("imagenet" as "mnist"), {
      name: "RangeError",
      message: 'download: knows mnist and fashion-mnist, got "imagenet".',
    });
    for (const { mirrors } of Object.values(releases)) {
      assert.ok(mirrors.length > 1 && mirrors.every((url) => url.startsWith("https://")));
    }
  });
});

describe("the cache", () => {
  const saved = { ...process.env };
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lclab-"));
    delete process.env.LCLAB_DATA;
    process.env.LCLAB_CACHE = folder;
  });
  afterEach(async () => {
    for (const name of ["LCLAB_DATA", "LCLAB_CACHE"]) {
      if (saved[name] === undefined) delete process.env[name];
      else process.env[name] = saved[name];
    }
    await rm(folder, { recursive: true });
  });

  it("is $LCLAB_CACHE, else where the platform keeps caches", () => {
    const at = (env: Record<string, string>, platform: string): string =>
      cacheFolder(env, platform, "/h");
    assert.equal(at({ LCLAB_CACHE: "here" }, "darwin"), "here");
    assert.equal(at({}, "linux"), join("/h", ".cache", "lclab"));
    assert.equal(at({ XDG_CACHE_HOME: "/x" }, "linux"), join("/x", "lclab"));
    assert.equal(at({ XDG_CACHE_HOME: "x" }, "linux"), join("/h", ".cache", "lclab"));
    assert.equal(at({}, "darwin"), join("/h", "Library", "Caches", "lclab"));
    assert.equal(at({ LOCALAPPDATA: "/local" }, "win32"), join("/local", "lclab", "cache"));
  });

  it("is offered, but nothing is fetched unasked", async () => {
    await assert.rejects(mnist(), {
      code: "LC_DATA",
      message: `LC_DATA: mnist: no folder given, LCLAB_DATA is not set, and nothing was downloaded yet. Write mnist({ download: true }) to fetch 12 MB into ${join(folder, "mnist")}, set LCLAB_DATA to the folder that contains mnist/, or use digits(), which needs no files.`,
    });
    process.env.LCLAB_DATA = folder;
    await assert.rejects(fashionMnist(), {
      message:
        /fashionMnist: no folder given, .* \(LCLAB_DATA\) has no fashion-mnist\/, and .* fetch 31 MB into /,
    });
  });

  it("serves mnist() once all four files are in it", async () => {
    const idx = (shape: number[], data: Uint8Array): Buffer => {
      const header = Buffer.alloc(4 + 4 * shape.length);
      header.set([0, 0, 8, shape.length]);
      for (const [i, n] of shape.entries()) header.writeUInt32BE(n, 4 + 4 * i);
      return gzipSync(Buffer.concat([header, data]));
    };
    const set = join(folder, "fashion-mnist");
    await mkdir(set);
    for (const prefix of ["train", "t10k"]) {
      await writeFile(join(set, `${prefix}-labels-idx1-ubyte.gz`), idx([1], Uint8Array.of(9)));
      await assert.rejects(fashionMnist(), { message: /nothing was downloaded yet/ });
      const image = new Uint8Array(784).fill(51);
      await writeFile(join(set, `${prefix}-images-idx3-ubyte.gz`), idx([1, 28, 28], image));
    }
    const data = await fashionMnist();
    assert.equal(data.name, "Fashion-MNIST");
    assert.equal(data.source, `Fashion-MNIST (Xiao, Rasul and Vollgraf), read from ${set}`);
    assert.deepEqual([data.train.labels[0], data.mean[0]], [9, Math.fround(0.2)]);
    await writeFile(join(set, "t10k-labels-idx1-ubyte.gz"), idx([1], Uint8Array.of(10)));
    await assert.rejects(fashionMnist(), {
      message: "LC_DATA: t10k-labels-idx1-ubyte: labels must be from 0 to 9, got 10 for image 0.",
    });
  });

  it("gets the original files by mnist({ download }) and fashionMnist({ download })", async function () {
    const base = saved.LCLAB_DATA;
    const there = (name: string): boolean => !!base && existsSync(join(base, name));
    if (!base || !there("mnist") || !there("fashion-mnist")) {
      console.log("      skipped: LCLAB_DATA is not set or has no mnist/ and fashion-mnist/");
      return this.skip();
    }
    for (const [read, { folder: name, files: published }] of [
      [mnist, releases.mnist],
      [fashionMnist, releases["fashion-mnist"]],
    ] as const) {
      const content: Record<string, Uint8Array> = {};
      for (const file of published)
        content[file.name] = await readFile(join(base, name, file.name));
      const server = await fileServer(content);
      try {
        const data = await read({ download: { mirrors: [`${server.url}/`] }, trainCount: 7 });
        assert.deepEqual([data.train.count, data.test.count], [7, 10_000]);
        assert.equal(data.source.endsWith(`read from ${join(folder, name)}`), true);
        const again = await read({ download: { mirrors: [] }, trainCount: 7 });
        assert.deepEqual(again.train, data.train);
        assert.equal(server.requests.length, 4);
      } finally {
        await server.close();
      }
    }
  });
});
