import { createHash } from "node:crypto";
import { type Compression, type CompressionSpec, partsOf } from "../compression/contract.ts";
import { LCError } from "../errors.ts";
import { parametersOf, type Task, taskDeltas, taskShape } from "../lc/task.ts";
import { model as checkedModel, type Model, type Network, type Parameter } from "../net/network.ts";
import { atOnce } from "../rest.ts";
import { CODED, CodedSink, CodedSource } from "./coded.ts";
import {
  type Description,
  type PartDescription,
  readDescription,
  type TaskDescription,
} from "./description.ts";
import { bad, readSafetensors, writeSafetensors } from "./safetensors.ts";
import { shown } from "./shown.ts";
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

/** Of the format: a reader refuses any other. */
export const formatVersion: string = "1";
/** The header's first bytes, so that the checksum has a fixed place. */
const OPENING = '{"__metadata__":{"sha256":"';
const DIGITS = 64;

/** The bytes of a compressed network. The same network gives the same bytes. */
export function encodeFile(compressed: CompressedModel, entropy: boolean): EncodedFile {
  return atOnce(encoding(compressed, entropy));
}

export interface EncodedFile {
  readonly bytes: Uint8Array;
  readonly size: FileSize;
}

/** `encodeFile` in pieces, a part of a task in each: parts of a million weights take a while. */
export function* encoding(
  { model, tasks, thetas }: CompressedModel,
  entropy: boolean,
): Generator<void, EncodedFile> {
  const tensors = new Map<string, Tensor>();
  const parts: StoredPart[] = [];
  const descriptions: TaskDescription[] = [];
  for (const task of tasks) {
    const [layer] = task.layers as readonly [string];
    const parameters = parametersOf(model, task);
    const place = placeOf(model.network, parameters);
    const theta = Object.hasOwn(thetas, layer) ? thetas[layer] : undefined;
    if (theta === undefined) {
      throw new RangeError(`save: layer "${layer}" has a compression, and thetas has no θ of it.`);
    }
    const terms = partsOf(task.compression);
    const described: PartDescription[] = [];
    for (const [i, term] of terms.entries()) {
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
      described.push({ counts: written.counts, bits: term.bits(one), coded: coded || undefined });
      yield;
    }
    descriptions.push({
      layers: task.layers,
      shapes: parameters.map(({ rows, cols }) => [rows, cols]),
      compression: specOf(task.compression, layer),
      parts: described,
    });
  }
  for (const parameter of restOf(model.network, tasks)) {
    const data = model.weights[parameter.key] as Float32Array;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    tensors.set(parameter.key, { dtype: "F32", shape: shapeOf(parameter), bytes });
  }
  const { name, input, loss, layers } = model.network;
  const description: Description = {
    network: { name, input, loss, layers: layers.map(({ spec }) => spec) },
    tasks: descriptions,
  };
  const metadata = {
    sha256: "0".repeat(DIGITS),
    format: "lclab",
    version: formatVersion,
    lc: JSON.stringify(description),
  };
  const bytes = writeSafetensors(metadata, tensors);
  bytes.set(new TextEncoder().encode(checksum(bytes)), 8 + OPENING.length);
  const data = bytesOf(tensors);
  return { bytes, size: { bytes: bytes.length, header: bytes.length - data, data, parts } };
}

/**
 * The network in the bytes of a file.
 * @param maxBytes of memory that reading it may take.
 * @throws LCError LC_FILE if they are not such a file, damaged, of an unknown version, or too large.
 */
export function decodeFile(file: Uint8Array, maxBytes: number): DecodedFile {
  return atOnce(decoding(file, maxBytes));
}

export type DecodedFile = CompressedModel & { readonly size: FileSize };

/** `decodeFile` in pieces, a part of a task in each. */
export function* decoding(file: Uint8Array, maxBytes: number): Generator<void, DecodedFile> {
  const { metadata, tensors, header } = readSafetensors(file);
  checkMetadata(metadata, file);
  const description = readDescription(metadata.get("lc") as string, file.length, maxBytes);
  const { network } = description;
  const tasks = description.tasks.map(({ task }) => task);
  const rest = restOf(network, tasks);
  const left = byPlace(tensors, new Set(rest.map(({ key }) => key)));
  const parts: StoredPart[] = [];
  const thetas: [string, unknown][] = [];
  const weights: Record<string, Float32Array> = {};
  for (const { task, parts: described } of description.tasks) {
    const { layers, compression } = task;
    const parameters = parametersOf({ network }, task);
    const place = placeOf(network, parameters);
    const terms = partsOf(compression);
    const read: unknown[] = [];
    for (const [i, term] of terms.entries()) {
      const written = taken(left, `${layers[0]}/${i}`);
      const one = described[i] as PartDescription;
      const where = `${layers.join(" + ")}, ${term.name}`;
      read.push(within(where, () => readPart(term, written, one, place)));
      parts.push({
        ...{ layers, compression: term.name, weights: place.rows * place.cols },
        ...{ bytes: bytesOf(written), coded: one.coded ?? false },
      });
      yield;
    }
    const theta = terms.length > 1 ? read : read[0];
    for (const layer of layers) thetas.push([layer, theta]);
    Object.assign(weights, taskDeltas(parameters, task, theta));
    yield;
  }
  for (const parameter of rest) {
    weights[parameter.key] = plain(parameter, taken(left, parameter.key).get(""));
  }
  for (const [place, own] of left) {
    const [name] = own.keys();
    throw bad(
      `tensor ${shown(name ? `${place}.${name}` : place)} belongs to nothing in the network`,
    );
  }
  const size = { bytes: file.length, header, data: file.length - header, parts };
  const model = within("the weights", () => checkedModel(network, weights));
  return { model, tasks, thetas: Object.fromEntries(thetas), size };
}

/** Tensors of one part by their names within it; a parameter that is no part, by the empty name. */
type Own = Map<string, Tensor>;

/**
 * Tensors by the part they belong to, `layer/i`, or by their whole name. A layer's name may have slashes and dots of its own, but
 * within a part no name has a slash, nor ends as those of parameters do: so these are looked for first, and then the last slash.
 */
function byPlace(
  tensors: ReadonlyMap<string, Tensor>,
  parameters: ReadonlySet<string>,
): Map<string, Own> {
  const places = new Map<string, Own>();
  for (const [name, tensor] of tensors) {
    const dot = name.indexOf(".", name.lastIndexOf("/") + 1);
    const end = parameters.has(name) || dot < 0 ? name.length : dot;
    const place = name.slice(0, end);
    const own = places.get(place) ?? new Map<string, Tensor>();
    places.set(place, own.set(name.slice(end + 1), tensor));
  }
  return places;
}

/** The tensors of a place, which are then no longer left. */
function taken(left: Map<string, Own>, place: string): Own {
  const own = left.get(place) ?? new Map<string, Tensor>();
  left.delete(place);
  return own;
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
  return bytesOf(tensors);
}

function bytesOf(tensors: ReadonlyMap<string, Tensor>): number {
  let total = 0;
  for (const { bytes } of tensors.values()) total += bytes.length;
  return total;
}

/** The grid of a task's weights; layers that share θ are in one row. */
export function placeOf(network: Network, parameters: readonly Parameter[]): Place {
  const shape = taskShape(network, parameters);
  return parameters.length > 1 ? { ...shape, joined: parameters } : shape;
}

function readPart(
  term: Compression<unknown>,
  tensors: ReadonlyMap<string, Tensor>,
  { counts, bits, coded }: PartDescription,
  place: Place,
): unknown {
  const stream = tensors.get(CODED);
  if (coded && !(stream?.dtype === "U8" && stream.shape.length === 1 && tensors.size === 1)) {
    throw bad(`a coded part has one tensor, "${CODED}", of U8 and one axis`);
  }
  const written = { counts, tensors };
  const source = coded ? new CodedSource(written, stream as Tensor) : new PackedSource(written);
  const theta = readTheta(term.spec as CompressionSpec, place, source);
  source.finish();
  const needed = term.bits(theta);
  if (needed !== bits) throw bad(`it takes ${needed} bits, the header says ${bits}`);
  const [bytes, packed] = [bytesOf(tensors), Math.ceil(bits / 8)];
  // There is one way to write it: the best width of gaps, and coded only where that is smaller.
  if (coded ? bytes < packed : bytes === packed) return theta;
  throw bad(`it has ${bytes} bytes${coded ? " coded" : ""}, and packed it takes ${packed}`);
}

function plain(parameter: Parameter, tensor: Tensor | undefined): Float32Array {
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
  if (version !== formatVersion) {
    throw bad(
      `it has version ${shown(version)} of the format; this lclab reads "${formatVersion}". Use the version that made it`,
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
