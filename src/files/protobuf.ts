/** Bytes in pieces, so that large arrays are copied once, when the file is put together. */
export interface Bytes {
  readonly pieces: readonly Uint8Array[];
  readonly length: number;
}

/** One field of a message: its number in the schema and its value. */
export type Field = Bytes;

/** An int64 or an enumeration; negative numbers take ten bytes. */
export function int(field: number, value: number): Field {
  return whole([...varint(field * 8), ...varint(value)]);
}

/** A float32. */
export function float(field: number, value: number): Field {
  return whole([...varint(field * 8 + 5), ...new Uint8Array(Float32Array.of(value).buffer)]);
}

/** A text in UTF-8. */
export function string(field: number, value: string): Field {
  return bytes(field, new TextEncoder().encode(value));
}

/** A message inside another, from its fields in order. */
export function message(field: number, fields: readonly Field[]): Field {
  return delimited(field, joined(fields));
}

/** Raw bytes; the array is kept, not copied. */
export function bytes(field: number, value: Uint8Array): Field {
  return delimited(field, { pieces: [value], length: value.length });
}

/** Repeated int64 in one piece ("packed"). */
export function ints(field: number, values: readonly number[]): Field {
  return bytes(field, Uint8Array.from(values.flatMap(varint)));
}

/** Fields one after the other: the message itself. */
export function joined(fields: readonly Field[]): Bytes {
  return {
    pieces: fields.flatMap(({ pieces }) => pieces),
    length: fields.reduce((total, { length }) => total + length, 0),
  };
}

/** The bytes of a file. */
export function assembled({ pieces, length }: Bytes): Uint8Array {
  const file = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    file.set(piece, at);
    at += piece.length;
  }
  return file;
}

function delimited(field: number, { pieces, length }: Bytes): Field {
  const head = Uint8Array.from([...varint(field * 8 + 2), ...varint(length)]);
  return { pieces: [head, ...pieces], length: head.length + length };
}

function whole(values: readonly number[]): Field {
  return { pieces: [Uint8Array.from(values)], length: values.length };
}

/** Seven bits a byte, the lowest first; the top bit says that more follow. */
function varint(value: number): number[] {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  return [...out, Number(rest)];
}
