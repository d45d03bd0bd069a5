import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import type { Failed } from "../interpreter.ts";
import type { Failure } from "../runtime/frames.ts";
import type { CompiledCell, CompileError, Position } from "./compile.ts";

/** A cell that frames of a stack may name. */
export interface KnownCell {
  /** `[3]` */
  label: string;
  compiled: CompiledCell;
}

/** The cells by number of execution. */
export type Cells = (id: number) => KnownCell | undefined;

/** A place in what the user wrote. */
export interface UserFrame extends Position {
  /** `Cell [3]` or a path. */
  place: string;
  /** Name of the function, empty at the top level. */
  in: string;
  /** Text of the line, if known. */
  text?: string | undefined;
}

/** A failure of the user process as Jupyter shows it: user frames only, at the places the user wrote. */
export function traceback(failure: Failure, cells: Cells): Failed {
  return {
    status: "error",
    ename: failure.name,
    evalue: located(failure.message, cells),
    traceback: lines(failure, cells),
  };
}

/** Compile errors of a cell as Jupyter shows them. */
export function compileTraceback({ issues }: CompileError, source: string, label: string): Failed {
  const texts = source.split("\n");
  const shown = issues
    .slice(0, 5)
    .flatMap(({ message, line, column }, i) => [
      ...(i === 0 ? [] : [`SyntaxError: ${message}`]),
      ...frameLines({ place: `Cell ${label}`, line, column, in: "", text: texts[line - 1] }, true),
    ]);
  const [{ message }] = issues;
  return {
    status: "error",
    ename: "SyntaxError",
    evalue: message,
    traceback: [`SyntaxError: ${message}`, ...shown],
  };
}

/** Replaces the internal places of cells in a text, such as a printed stack, by those the user knows. */
export function located(text: string, cells: Cells): string {
  if (!text.includes("lclab:cell/")) return text;
  const shown = text
    .split("\n")
    .filter((line) => !internalLine(line))
    .join("\n");
  return shown.replace(/lclab:cell\/(\d+):(\d+):(\d+)/g, (whole, id, line, column) => {
    const cell = cells(Number(id));
    const place = cell?.compiled.original({ line: Number(line), column: Number(column) });
    return place ? `Cell ${cell?.label}:${place.line}:${place.column}` : whole;
  });
}

/** A stack line of the machinery that evaluates cells. */
function internalLine(line: string): boolean {
  return (
    /^\s+at /.test(line) &&
    (line.includes(ownCode) ||
      line.includes(ownFolder) ||
      /\(node:inspector:|\(node:internal\/(?:async_local_storage|process\/task_queues)|new Promise \(<anonymous>\)/.test(
        line,
      ))
  );
}

function lines(failure: Failure, cells: Cells): string[] {
  const header = [failure.name, failure.message].filter((part) => part !== "").join(": ");
  const frames = userFrames(failure, cells);
  return [
    ...located(header, cells).split("\n"),
    ...frames.flatMap((frame, i) => frameLines(frame, i === 0)),
    ...(failure.errors ?? []).flatMap((error, i) =>
      lines(error, cells).map((line, j) => (j === 0 ? `  [${i}] ${line}` : `      ${line}`)),
    ),
    ...(failure.cause ? prefixed("Caused by: ", lines(failure.cause, cells)) : []),
  ];
}

const prefixed = (prefix: string, [first, ...rest]: string[]) => [prefix + first, ...rest];

/** A frame as lines of a traceback: where, and with `withSource` the line with a caret below its column. */
export function frameLines(frame: UserFrame, withSource: boolean): string[] {
  const where = `${frame.place}:${frame.line}:${frame.column}`;
  const head = `  at ${where}${frame.in === "" ? "" : ` in ${frame.in}`}`;
  if (!withSource || frame.text === undefined) return [head];
  const number = String(frame.line);
  const gutter = " ".repeat(number.length);
  // Tabs stay tabs, so that the caret stands below its column.
  const pad = frame.text.slice(0, frame.column - 1).replace(/[^\t]/g, " ");
  return [head, `    ${number} | ${frame.text}`, `    ${gutter} | ${pad}^`];
}

function userFrames({ stack, maps }: Failure, cells: Cells): UserFrame[] {
  return stack.split("\n").flatMap((line): UserFrame[] => {
    const match = /^\s+at (?:(.*?) \()?(lclab:cell\/\d+|file:\/\/\S+|\/\S.*?):(\d+):(\d+)\)?$/.exec(
      line,
    );
    if (!match) return [];
    const [, name = "", url, row, column] = match;
    const place = { line: Number(row), column: Number(column) };
    const frame = url.startsWith("lclab:")
      ? cellFrame(Number(url.slice("lclab:cell/".length)), place, cells)
      : fileFrame(url, place, maps?.[url]);
    return frame ? [{ ...frame, in: name.replace(/^async /, "").replace(/^Object\./, "") }] : [];
  });
}

function cellFrame(id: number, place: Position, cells: Cells): Omit<UserFrame, "in"> | undefined {
  const cell = cells(id);
  const original = cell?.compiled.original(place);
  if (!cell || !original) return undefined;
  const text = cell.compiled.source.split("\n")[original.line - 1];
  return { place: `Cell ${cell.label}`, ...original, text };
}

const ownCode = new URL("..", import.meta.url).href;
const ownFolder = fileURLToPath(ownCode);

function fileFrame(
  url: string,
  place: Position,
  map: string | undefined,
): Omit<UserFrame, "in"> | undefined {
  const href = url.replace(/[?#].*$/, "");
  if (href.includes("/node_modules/") || href.startsWith(ownCode) || href.startsWith(ownFolder))
    return undefined;
  const path = href.startsWith("file:") ? fileURLToPath(href) : href;
  const original = map
    ? originalPositionFor(new TraceMap(map), { line: place.line, column: place.column - 1 })
    : undefined;
  if (map && original?.line == null) return undefined;
  const { line, column } =
    original?.line == null ? place : { line: original.line, column: original.column + 1 };
  const near = relative(process.cwd(), path);
  return { place: near.startsWith("..") ? path : near, line, column, text: lineOf(path, line) };
}

function lineOf(path: string, line: number): string | undefined {
  try {
    return readFileSync(path, "utf8").split("\n")[line - 1];
  } catch {
    return undefined;
  }
}
