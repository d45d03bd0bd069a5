import { LCError } from "../errors.ts";
import {
  assembled,
  bytes,
  type Field,
  float,
  int,
  ints,
  joined,
  message,
  string,
} from "./protobuf.ts";

/** Operator set 17 and file format 8: of 2022, so that every runtime since then opens the file. */
const [opset, irVersion] = [17, 8];

/** Protobuf's limit for one message. */
const largestFile = 2 ** 31 - 1;

/** An array in a file; its type follows from its class. */
export type TensorData = Float32Array | Uint8Array | Uint16Array | Int32Array | BigInt64Array;

/** Numbers of TensorProto.DataType. */
const types = { float: 1, uint8: 2, uint16: 4, int32: 6, int64: 7, float16: 10 } as const;
export type ElementType = keyof typeof types;

export type Attribute = number | readonly number[] | { readonly float: number };

/** Input or output of the model; "N" is the number of examples. */
export interface Port {
  readonly type: ElementType;
  readonly shape: readonly (number | "N")[];
  readonly doc: string;
}

/** A graph that grows node by node. Values are known by their names; "input" and "output" are the model's own. */
export interface OnnxGraph {
  /**
   * A constant tensor called `wanted`, or that with a number; the same array with the same shape is stored once. `half`
   * says that 16 bits are float16.
   */
  constant(wanted: string, data: TensorData, shape: readonly number[], half?: boolean): string;
  /** A constant of int64: a shape, axes. */
  integers(values: readonly number[]): string;
  /** A node with one output, whose name it returns. */
  node(
    kind: string,
    inputs: readonly string[],
    wanted: string,
    attributes?: Readonly<Record<string, Attribute>>,
  ): string;
  /** Bytes of the constants so far. */
  constantBytes(): number;
  /** The file. @throws LCError LC_MEMORY if it is larger than the format allows. */
  file(head: {
    readonly name: string;
    readonly version: string;
    readonly doc: string;
    readonly input: Port;
    readonly output: Port;
    /** The value that is the output. */
    readonly end: string;
  }): Uint8Array;
}

export function onnxGraph(): OnnxGraph {
  const used = new Set<string>(["input", "output"]);
  const nodes: Field[] = [];
  const constants: Field[] = [];
  const stored = new Map<object, Map<string, string>>();
  const lists = new Map<string, BigInt64Array>();
  let constantBytes = 0;
  const unique = (wanted: string): string => {
    let name = wanted;
    for (let i = 2; used.has(name); i++) name = `${wanted}_${i}`;
    used.add(name);
    return name;
  };
  const graph: OnnxGraph = {
    constant(wanted, data, shape, half = false) {
      const names = stored.get(data) ?? new Map<string, string>();
      stored.set(data, names);
      const before = names.get(String(shape));
      if (before !== undefined) return before;
      const name = unique(wanted);
      names.set(String(shape), name);
      const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const type = half ? types.float16 : typeOf(data);
      constants.push(message(5, [ints(1, shape), int(2, type), string(8, name), bytes(9, raw)]));
      constantBytes += raw.length;
      return name;
    },
    integers(values) {
      const key = values.join("_");
      const data = lists.get(key) ?? BigInt64Array.from(values, BigInt);
      lists.set(key, data);
      return graph.constant(`integers_${key}`, data, [values.length]);
    },
    node(kind, inputs, wanted, attributes = {}) {
      const name = unique(wanted);
      nodes.push(node(kind, inputs, name, attributes));
      return name;
    },
    constantBytes: () => constantBytes,
    file({ name, version, doc, input, output, end }) {
      const all = [
        ...nodes,
        node("Identity", [end], "output", {}),
        string(2, name),
        ...constants,
        port(11, "input", input),
        port(12, "output", output),
      ];
      const whole = joined([
        int(1, irVersion),
        string(2, "lclab"),
        string(3, version),
        string(6, doc),
        message(7, all),
        message(8, [int(2, opset)]),
      ]);
      if (whole.length > largestFile) {
        throw new LCError(
          "LC_MEMORY",
          `toOnnx: "${name}" takes ${whole.length} bytes, and an ONNX file has at most ${largestFile}. Compress it further.`,
        );
      }
      return assembled(whole);
    },
  };
  return graph;
}

function typeOf(data: TensorData): number {
  if (data instanceof Float32Array) return types.float;
  if (data instanceof Uint8Array) return types.uint8;
  if (data instanceof Uint16Array) return types.uint16;
  return data instanceof Int32Array ? types.int32 : types.int64;
}

function node(
  kind: string,
  inputs: readonly string[],
  name: string,
  attributes: Readonly<Record<string, Attribute>>,
): Field {
  const reads = inputs.map((input) => string(1, input));
  const described = Object.entries(attributes).map(([key, value]) =>
    message(5, attribute(key, value)),
  );
  return message(1, [...reads, string(2, name), string(3, name), string(4, kind), ...described]);
}

function attribute(name: string, value: Attribute): Field[] {
  if (typeof value === "number") return [string(1, name), int(3, value), int(20, 2)];
  if ("float" in value) return [string(1, name), float(2, value.float), int(20, 1)];
  return [string(1, name), ints(8, value), int(20, 7)];
}

function port(field: number, name: string, { type, shape, doc }: Port): Field {
  const axes = shape.map((n) => message(1, [n === "N" ? string(2, n) : int(1, n)]));
  const tensor = message(1, [int(1, types[type]), message(2, axes)]);
  return message(field, [string(1, name), message(2, [tensor]), string(3, doc)]);
}

/** The number of an element type, for the attribute `to` of Cast. */
export function elementType(type: ElementType): number {
  return types[type];
}
