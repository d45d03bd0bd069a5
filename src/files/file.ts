import { createHash } from "node:crypto";
import { type Compression, type CompressionSpec, partsOf } from "../compression/contract.ts";
import { LCError } from "../errors.ts";
import { parametersOf, type Task, taskDeltas, taskShape } from "../lc/task.ts";
import { model as checkedModel, type Model, type Network, type Parameter } from "../net/network.ts";
import { CODED, CodedSink, CodedSource } from "./coded.ts";
import { type Description, described, type PartDescription } from "./description.ts";
import { bad, readSafetensors, shown, writeSafetensors } from "./safetensors.ts";
import { PackedSink, PackedSource, type Sink, type Tensor, type Written } from "./streams.ts";
import { type Place, readTheta, writeTheta } from "./theta.ts";

/** A compressed network: what a file is made of, and what it gives back. */
export interface CompressedModel {
  readonly model: Model;
  readonly tasks: readonly Task[];
  /** θ by layer; layers of a joint task share theirs. */
  readonly thetas: Readonly<Record<string, unknown>>;
}

/** One part of a task as it is stored. */
export interface StoredPart {
  readonly layers: readonly string[];
  readonly compression: string;
  /** Weights it stands for. */
  readonly weights: number;
  /** Bytes in the file. */
  readonly bytes: number;
  /** True if it is coded arithmetically. */
  readonly coded: boolean;
}

/** What takes how many bytes of a file. */
export interface FileSize {
  readonly bytes: number;
  /** Of the header with everything that describes the data. */
  readonly header: number;
  /** Of all numbers: `bytes` − `header`. */
  readonly data: number;
  readonly parts: readonly StoredPart[];
}

const VERSION = "1";
/** The header's first bytes, so that the checksum has a fixed place. */
const OPENING = '{"__metadata__":{"sha256":"';
const DIGITS = 64;

/** The bytes of a compressed network. The same network gives the same bytes. */
export function encodeFile(
  { model, tasks, thetas }: CompressedModel,
  entropy: boolean,
): { readonly bytes: Uint8Array; readonly size: FileSize } {
  const tensors = new Map<string, Tensor>();
  const parts: StoredPart[] = [];
  const described = tasks.map((task) => {
    const [layer] = task.layers as readonly [string];
    const parameters = parametersOf(model, task);
    const place = placeOf(model.network, parameters);
    const theta = thetas[layer];
    const terms = partsOf(task.compression);
    const descriptions = terms.map((term, i): PartDescription => {
      const spec = specOf(term, layer);
      const one = terms.length > 1 ? (theta as readonly unknown[])[i] : theta;
      const written = partBytes(spec, one, place, entropy);
      let bytes = 0;
      for (const [name, tensor] of written.tensors) {
        tensors.set(`${layer}/${i}.${name}`, tensor);
        bytes += tensor.bytes.length;
      }
      const coded = written.tensors.has(CODED);
      const weights = place.rows * place.cols;
      parts.push({ layers: task.layers, compression: term.name, weights, bytes, coded });
      return { counts: written.counts, bits: term.bits(one), ...(coded ? { coded } : {}) };
    });
    return {
      layers: task.layers,
      shapes: parameters.map(({ rows, cols }) => [rows, cols] as const),
      compression: specOf(task.compression, layer),
      parts: descriptions,
    };
  });
  for (const parameter of restOf(model.network, tasks)) {
    const data = model.weights[parameter.key] as Float32Array;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    tensors.set(parameter.key, { dtype: "F32", shape: shapeOf(parameter), bytes });
  }
  const { name, input, loss, layers } = model.network;
  const description: Description = {
    network: { name, input, loss, layers: layers.map(({ spec }) => spec) },
    tasks: described,
  };
  const metadata = {
    sha256: "0".repeat(DIGITS),
    format: "lclab",
    version: VERSION,
    lc: JSON.stringify(description),
  };
  const bytes = writeSafetensors(metadata, tensors);
  bytes.set(new TextEncoder().encode(checksum(bytes)), 8 + OPENING.length);
  const data = [...tensors.values()].reduce((n, tensor) => n + tensor.bytes.length, 0);
  return { bytes, size: { bytes: bytes.length, header: bytes.length - data, data, parts } };
}

/**
 * The network in the bytes of a file.
 * @param maxBytes of memory that the network may take while it is read.
 * @throws LCError LC_FILE if they are not such a file, damaged, of an unknown version, or too large.
 */
export function decodeFile(
  file: Uint8Array,
  maxBytes: number,
): CompressedModel & { readonly size: FileSize } {
  const { metadata, tensors, header } = readSafetensors(file);
  checkMetadata(metadata, file);
  const { network, tasks } = described(metadata.get("lc") as string, maxBytes);
  const left = new Map(tensors);
  const parts: StoredPart[] = [];
  const thetas: [string, unknown][] = [];
  const weights: Record<string, Float32Array> = {};
  for (const { task, parts: descriptions } of tasks) {
    const { layers, compression } = task;
    const parameters = parametersOf({ network }, task);
    const place = placeOf(network, parameters);
    const terms = partsOf(compression);
    const read = terms.map((term, i) => {
      const prefix = `${layers[0]}/${i}.`;
      const description = descriptions[i] as PartDescription;
      const { counts, coded = false } = description;
      const own = new Map<string, Tensor>();
      let bytes = 0;
      for (const [name, tensor] of left) {
        if (!name.startsWith(prefix)) continue;
        own.set(name.slice(prefix.length), tensor);
        left.delete(name);
        bytes += tensor.bytes.length;
      }
      parts.push({
        layers,
        compression: term.name,
        weights: place.rows * place.cols,
        bytes,
        coded,
      });
      return within(`${layers.join(" + ")}, ${term.name}`, () => {
        const theta = readPart(term, { counts, tensors: own }, coded, place);
        const bits = term.bits(theta);
        if (bits === description.bits) return theta;
        throw bad(`it takes ${bits} bits, the header says ${description.bits}`);
      });
    });
    const theta = terms.length > 1 ? read : read[0];
    for (const layer of layers) thetas.push([layer, theta]);
    Object.assign(weights, taskDeltas(parameters, task, theta));
  }
  for (const parameter of restOf(
    network,
    tasks.map(({ task }) => task),
  )) {
    weights[parameter.key] = plain(parameter, left);
  }
  const [unknown] = left.keys();
  if (unknown !== undefined)
    throw bad(`tensor ${shown(unknown)} belongs to nothing in the network`);
  const size = { bytes: file.length, header, data: file.length - header, parts };
  return {
    model: within("the weights", () => checkedModel(network, weights)),
    tasks: tasks.map(({ task }) => task),
    thetas: Object.fromEntries(thetas),
    size,
  };
}

/** θ of a part as it is stored: coded arithmetically only where that is smaller. */
export function partBytes(
  spec: CompressionSpec,
  theta: unknown,
  place: Place,
  entropy: boolean,
): Written {
  const write = <S extends Sink & { finish(): Written }>(sink: S): Written => {
    writeTheta(spec, theta, place, sink);
    return sink.finish();
  };
  const packed = write(new PackedSink());
  if (!entropy) return packed;
  const coded = write(new CodedSink());
  return sizeOfPart(coded) < sizeOfPart(packed) ? coded : packed;
}

export function sizeOfPart({ tensors }: Written): number {
  return [...tensors.values()].reduce((n, { bytes }) => n + bytes.length, 0);
}

/** The grid of a task's weights; layers that share θ are in one row. */
export function placeOf(network: Network, parameters: readonly Parameter[]): Place {
  const shape = taskShape(network, parameters);
  return parameters.length > 1 ? { ...shape, joined: parameters } : shape;
}

function readPart(
  term: Compression<unknown>,
  written: Written,
  coded: boolean,
  place: Place,
): unknown {
  const spec = term.spec as CompressionSpec;
  const stream = written.tensors.get(CODED);
  if (coded && !(stream?.dtype === "U8" && written.tensors.size === 1)) {
    throw bad(`a coded part has one tensor, "${CODED}", of U8`);
  }
  const source = coded ? new CodedSource(written, stream as Tensor) : new PackedSource(written);
  const theta = readTheta(spec, place, source);
  source.finish();
  return theta;
}

function plain(parameter: Parameter, left: Map<string, Tensor>): Float32Array {
  const tensor = left.get(parameter.key);
  left.delete(parameter.key);
  const shape = shapeOf(parameter);
  if (tensor?.dtype === "F32" && tensor.shape.join() === shape.join()) {
    return new Float32Array(tensor.bytes.slice().buffer);
  }
  const got = tensor ? `${tensor.dtype} [${tensor.shape.slice(0, 8).join(", ")}]` : "none";
  throw bad(`tensor ${shown(parameter.key)} must be F32 [${shape.join(", ")}], got ${got}`);
}

/** All parameters that are not compressed. */
function restOf({ parameters }: Network, tasks: readonly Task[]): Parameter[] {
  const compressed = new Set(tasks.flatMap(({ layers }) => layers));
  return parameters.filter(({ compressible, layer }) => !(compressible && compressed.has(layer)));
}

function shapeOf({ rows, cols }: Parameter): readonly number[] {
  return cols === 1 ? [rows] : [rows, cols];
}

function specOf({ spec, name }: Compression<unknown>, layer: string): CompressionSpec {
  if (spec) return spec;
  throw new RangeError(
    `save: layer "${layer}" has ${name}, which has no spec: a file would not say how to read it. Only built-in compressions can be saved.`,
  );
}

function checkMetadata(metadata: ReadonlyMap<string, string>, file: Uint8Array): void {
  if (metadata.get("format") !== "lclab" || !metadata.has("lc")) {
    throw bad("it is a safetensors file without lclab's description of a compressed network");
  }
  const version = metadata.get("version") ?? "none";
  if (version !== VERSION) {
    throw bad(
      `it has version ${shown(version)} of the format; this lclab reads "${VERSION}". Use the version that made it`,
    );
  }
  const opening = Buffer.from(file.buffer, file.byteOffset + 8, OPENING.length).toString("latin1");
  if (opening !== OPENING || metadata.get("sha256") !== checksum(file)) {
    throw bad(`it is damaged, or was changed since it was saved: its checksum does not match`);
  }
}

/** SHA-256 of the file with zeros for the digits of the checksum. */
function checksum(file: Uint8Array): string {
  const from = 8 + OPENING.length;
  return createHash("sha256")
    .update(file.subarray(0, from))
    .update("0".repeat(DIGITS))
    .update(file.subarray(from + DIGITS))
    .digest("hex");
}

/** LC_FILE with the place, for whatever a compression or the network refuses. */
function within<Result>(where: string, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof LCError || cause instanceof RangeError)) throw cause;
    const problem = cause.message.replace(/^LC_[A-Z]+: /, "").replace(/\.$/, "");
    throw bad(`${where}: ${problem}`, { cause });
  }
}
