import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Decode, decoder } from "../../src/data/decode.ts";
import { imageDataset } from "../../src/data/image-dataset.ts";
import { type ImageBatch, type ImageFolder, imageFolder } from "../../src/data/image-folder.ts";
import { decodePng, encodePng } from "../support/png.ts";

/** A picture of one colour, wider than high. */
const plain = (red: number, green: number): Buffer =>
  encodePng({
    width: 6,
    height: 5,
    data: Uint8Array.from({ length: 120 }, (_, i) => [red, green, 7, 255][i % 4] as number),
  });

async function collect(batches: AsyncIterable<ImageBatch>): Promise<ImageBatch[]> {
  const all: ImageBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

/** Red, which numbers the pictures, of each picture in a list of batches. */
const reds = (batches: ImageBatch[]): number[] =>
  batches.flatMap(({ images, count }) =>
    Array.from({ length: count }, (_, i) => images[(i * images.length) / count] as number),
  );

describe("imageFolder", () => {
  let root: string;
  let folder: string;
  let data: ImageFolder;
  const sizes = { Zebra: 4, ant: 3, bee: 6 };
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "lclab-"));
    folder = join(root, "zoo");
    let red = 0;
    for (const [label, [name, count]] of Object.entries(sizes).entries()) {
      await mkdir(join(folder, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const file = `p${i}.${["png", "JPEG", "Jpg"][i % 3]}`;
        await writeFile(join(folder, name, file), plain(red++, label));
      }
    }
    await writeFile(join(folder, "bee", "notes.txt"), "not a picture");
    await writeFile(join(folder, "bee", ".hidden.png"), "not a picture");
    await mkdir(join(folder, ".cache"));
    await writeFile(join(folder, "README"), "not a class");
    data = await imageFolder({ folder, size: 4, crop: 3, decode: decodePng });
  });
  after(() => rm(root, { recursive: true }));

  it("has the class folders in code-unit order, and their pictures by name", () => {
    assert.deepEqual(data.classNames, ["Zebra", "ant", "bee"]);
    assert.deepEqual([...data.labels], [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
    assert.deepEqual([data.name, data.count, data.shape], ["zoo", 13, [3, 3, 3]]);
    assert.equal(data.path(8), join(folder, "bee", "p1.JPEG"));
    assert.equal(
      data.source,
      `13 pictures of 3 classes, shorter side scaled to 4, central 3 × 3, read from ${folder}`,
    );
  });

  it("gives every picture once, in order without a seed; the last batch has what is left", async () => {
    const batches = await collect(data.batches({ batch: 5 }));
    assert.deepEqual(
      batches.map(({ count, images, labels }) => [count, images.length, labels.length]),
      [
        [5, 135, 5],
        [5, 135, 5],
        [3, 81, 3],
      ],
    );
    assert.deepEqual(reds(batches), [...Array(13).keys()]);
    for (const { images, labels } of batches) {
      // Green is the class.
      labels.forEach((label, i) => {
        assert.deepEqual([...images.subarray(27 * i + 1, 27 * i + 3)], [label, 7]);
      });
    }
  });

  it("shuffles by seed and epoch: a permutation, the same again, another one in the next epoch", async () => {
    const order = async (seed: number, epoch: number): Promise<number[]> => {
      const batches = await collect(data.batches({ batch: 4, seed, epoch }));
      for (const { images, labels } of batches) {
        assert.deepEqual(
          [...labels],
          [...labels].map((_, i) => images[27 * i + 1]),
        );
      }
      return reds(batches);
    };
    const first = await order(1, 0);
    assert.deepEqual(
      first.toSorted((a, b) => a - b),
      [...Array(13).keys()],
    );
    assert.deepEqual(await order(1, 0), first);
    assert.notDeepEqual(await order(1, 1), first);
    assert.notDeepEqual(await order(2, 0), first);
  });

  it("goes on within an epoch: skip k = the epoch without its first k batches", async () => {
    const options = { batch: 4, seed: 9, epoch: 3 };
    const all = await collect(data.batches(options));
    assert.deepEqual(await collect(data.batches({ ...options, skip: 2 })), all.slice(2));
    assert.deepEqual(await collect(data.batches({ ...options, skip: 4 })), []);
  });

  it("gives the same bytes whatever order pictures are decoded in, and decodes no more than a batch ahead", async () => {
    let decoded = 0;
    const decode: Decode = async (bytes) => {
      decoded++;
      for (let turn = 10 - (decoded % 4); turn > 0; turn--) await new Promise(setImmediate);
      return decodePng(bytes);
    };
    const slow = await imageFolder({ folder, size: 4, crop: 3, decode });
    assert.equal(decoded, 0);
    const batches: ImageBatch[] = [];
    for await (const batch of slow.batches({ batch: 3, seed: 5 })) {
      batches.push(batch);
      assert.equal(decoded, reds(batches).length);
    }
    assert.deepEqual(batches, await collect(data.batches({ batch: 3, seed: 5 })));
  });

  it("stops when its signal aborts", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await assert.rejects(collect(data.batches({ batch: 3, signal })), { message: "enough" });
  });

  it("follows links to class folders", async () => {
    const linked = join(root, "linked");
    await mkdir(linked);
    await symlink(join(folder, "ant"), join(linked, "emmet"), "dir");
    const { classNames, count } = await imageFolder({ folder: linked, size: 2 });
    assert.deepEqual([classNames, count], [["emmet"], 3]);
  });

  it("names the file that cannot be decoded", async () => {
    const broken = join(root, "broken");
    await mkdir(join(broken, "a"), { recursive: true });
    await writeFile(join(broken, "a", "x.jpg"), "GIF89a");
    const first = async (decode?: Decode): Promise<unknown> =>
      (await imageFolder({ folder: broken, size: 2, ...(decode && { decode }) }))
        .batches({ batch: 2 })
        .next();
    const path = join(broken, "a", "x.jpg");
    await assert.rejects(first(), {
      code: "LC_DATA",
      message: `LC_DATA: cannot read the picture ${path}: a picture must be JPEG (starts with ff d8 ff) or PNG (89 50 4e 47), got 47 49 46 38. For other formats give imageFolder a decode function.`,
    });
    await assert.rejects(first(decodePng), {
      message: `LC_DATA: cannot read the picture ${path}: not a PNG.`,
    });
    await assert.rejects(
      first(() => ({ width: 2, height: 1, data: new Uint8Array(6) })),
      { message: /: decode must give RGBA, 4 bytes for each pixel, got 6 bytes for 2 × 1\.$/ },
    );
  });

  it("refuses a folder without classes, a class without pictures, and sizes that are none", async () => {
    const refuses = async (options: Parameters<typeof imageFolder>[0], message: RegExp) =>
      assert.rejects(imageFolder(options), { message });
    await refuses({ folder: join(root, "none"), size: 4 }, /LC_DATA: cannot read .*none: ENOENT/);
    await mkdir(join(root, "empty", "void"), { recursive: true });
    const empty = join(root, "empty");
    await refuses(
      { folder: empty, size: 4 },
      /class folder .*void has no .jpg, .jpeg or .png file/,
    );
    await refuses(
      { folder: join(empty, "void"), size: 4 },
      /must contain a folder for each class, .*got 0\./,
    );
    await refuses(
      { folder, size: 0 },
      /^imageFolder: size must be a whole number from 1, got 0\.$/,
    );
    await refuses(
      { folder, size: 4, crop: 1.5 },
      /^imageFolder: crop must be a whole .*, got 1.5\.$/,
    );
    await refuses(
      { folder, size: 4, crop: 5 },
      /crop must not be larger than size, got crop 5 and size 4/,
    );
    assert.throws(() => data.batches({ batch: 0 }), {
      name: "RangeError",
      message: "imageFolder: batch must be a whole number from 1, got 0.",
    });
    assert.throws(() => data.batches({ batch: 1, skip: -1 }), {
      message: "imageFolder: skip must be a whole number from 0, got -1.",
    });
  });

  describe("imageDataset", () => {
    it("holds both folders, and the mean of the training pictures", async () => {
      const set = await imageDataset({ train: data, test: data, name: "zoo" });
      assert.deepEqual([set.name, set.classes, set.shape], ["zoo", 3, [3, 3, 3]]);
      assert.deepEqual([...set.train.labels], [...data.labels]);
      assert.deepEqual(set.test, set.train);
      assert.deepEqual(reds([{ ...set.train, labels: data.labels }]), [...Array(13).keys()]);
      assert.deepEqual(
        [...set.mean.subarray(0, 3)],
        [6 / 255, 15 / 13 / 255, 7 / 255].map(Math.fround),
      );
      const { mean } = await imageDataset({ train: data, test: data, mean: "channel" });
      assert.deepEqual(mean, set.mean, "pictures of one colour");
    });

    it("takes sets of more than one batch", async () => {
      const many = join(root, "many");
      await mkdir(join(many, "a"), { recursive: true });
      for (let i = 0; i < 70; i++) {
        await writeFile(join(many, "a", `${String(i).padStart(2, "0")}.png`), plain(i, 0));
      }
      const train = await imageFolder({ folder: many, size: 1, decode: decodePng });
      const set = await imageDataset({ train, test: train });
      assert.deepEqual(reds([{ ...set.train, labels: train.labels }]), [...Array(70).keys()]);
    });

    it("refuses other classes, other sizes, and more bytes than the limit before reading", async () => {
      const decode: Decode = () => assert.fail("nothing is to be read");
      const unread = await imageFolder({ folder, size: 4, crop: 3, decode });
      const larger = await imageFolder({ folder, size: 4, decode });
      const other = await imageFolder({ folder: join(root, "linked"), size: 4, crop: 3, decode });
      await assert.rejects(imageDataset({ train: unread, test: other }), {
        name: "RangeError",
        message:
          "imageDataset: train and test must have the same class folders; only in train: Zebra, ant, bee; only in test: emmet.",
      });
      await assert.rejects(imageDataset({ train: unread, test: larger }), {
        message: /^imageDataset: pictures differ in size, 3 × 3 × 3 and 4 × 4 × 3\./,
      });
      await assert.rejects(imageDataset({ train: unread, test: unread, limitBytes: 701 }), {
        code: "LC_MEMORY",
        message: /26 pictures of 3 × 3 × 3 take 702 bytes, more than limitBytes = 701\./,
      });
      const many = { ...unread, classNames: Array.from({ length: 257 }, (_, i) => `c${i}`) };
      await assert.rejects(imageDataset({ train: many, test: many }), {
        message:
          "imageDataset: a data set has at most 256 classes, zoo has 257. Use train.batches({ batch }).",
      });
    });
  });
});

describe("decoder", () => {
  const picture = { width: 1, height: 1, data: Uint8Array.of(1, 2, 3, 255) };
  const jpeg = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0xff, 0xd9);

  it("tells JPEG and PNG apart by their bytes, and imports a package only when it is needed", async () => {
    const asked: string[] = [];
    const decode = decoder(async (name) => {
      asked.push(name);
      return name === "jpeg-js"
        ? { default: { decode: () => picture } }
        : { default: { PNG: { sync: { read: decodePng } } } };
    });
    assert.deepEqual(await decode(encodePng(picture)), picture);
    assert.deepEqual(asked, ["pngjs"]);
    assert.equal(await decode(jpeg), picture);
    assert.deepEqual(asked, ["pngjs", "jpeg-js"]);
  });

  it("says which package is missing, and refuses a JPEG that was cut off", async () => {
    const decode = decoder(() => Promise.reject(new Error("not installed")));
    await assert.rejects(async () => decode(jpeg), {
      code: "LC_DATA",
      message:
        "LC_DATA: decoding JPEG needs the package jpeg-js, which could not be loaded. Run npm install jpeg-js, or give imageFolder a decode function.",
    });
    await assert.rejects(async () => decode(encodePng(picture)), { message: /install pngjs/ });
    await assert.rejects(async () => decode(jpeg.subarray(0, 4)), {
      message:
        "LC_DATA: a JPEG file must end with the bytes ff d9; they do not occur in the 4 bytes found. Fetch it again.",
    });
    await assert.rejects(async () => decode(Uint8Array.of()), { message: /got an empty file/ });
  });

  it("decodes with jpeg-js and pngjs where they are installed", async function () {
    const installed = (name: string): boolean =>
      existsSync(new URL(`../../node_modules/${name}/package.json`, import.meta.url));
    if (!installed("jpeg-js") || !installed("pngjs")) {
      console.log("      skipped: jpeg-js and pngjs are not installed");
      return this.skip();
    }
    const decode = decoder();
    const data = Uint8Array.from({ length: 16 * 16 * 4 }, (_, i) =>
      i % 4 === 3 ? 255 : 120 + (i >> 6),
    );
    const input = { width: 16, height: 16, data };
    const { width, height, data: back } = await decode(encodePng(input));
    assert.deepEqual([width, height, [...back]], [16, 16, [...data]]);
    const name: string = "jpeg-js";
    const { default: codec } = (await import(name)) as {
      default: { encode(picture: unknown, quality: number): { data: Uint8Array } };
    };
    const lossy = await decode(codec.encode(input, 95).data);
    assert.deepEqual([lossy.width, lossy.height], [16, 16]);
    assert.ok(lossy.data.every((value, i) => Math.abs(value - (data[i] as number)) < 8));
    await assert.rejects(async () => decode(encodePng(input).subarray(0, 60)));
  });
});
