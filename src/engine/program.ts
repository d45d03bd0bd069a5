import { type Kernel, type KernelArgs, kernels } from "./kernels.ts";
import * as layout from "./wasm/assembly/layout.ts";

/** Rows a thread takes through a row phase at a time: few, so that the last ones finish together. */
const TASK_ROWS = 16;

/** One kernel call: `tasks` independent pieces (0 in a row phase, where the rows are the tasks). */
export type Op = {
  [K in Kernel]: {
    readonly kernel: K;
    readonly layer: string;
    readonly tasks: number;
    readonly args: Readonly<Record<KernelArgs[K], number>>;
  };
}[Kernel];

/**
 * Ops between two barriers. In a "rows" phase each op needs only the same rows of the one before, so a thread takes
 * a few rows through all of them; in a "tiles" phase the ops are independent and their tasks form one pool.
 */
export interface Phase {
  readonly axis: "rows" | "tiles";
  /** Rows a thread takes through a row phase at a time, a multiple of 4. */
  readonly taskRows?: number;
  readonly ops: readonly Op[];
  /** What the last thread to arrive does: sum the losses, refuse a bad one, move to the next minibatch. */
  readonly serial: readonly ("loss" | "guard" | "advance")[];
  /** Offsets of the example losses (f64) and wrong flags (i32), read by "loss". */
  readonly losses: number;
  readonly wrong: number;
}

/** What all threads do for one minibatch. Pure data. */
export interface Program {
  readonly name: string;
  readonly phases: readonly Phase[];
}

const serialBits = {
  loss: layout.SERIAL_LOSS,
  guard: layout.SERIAL_GUARD,
  advance: layout.SERIAL_ADVANCE,
} as const;

/** The program as the words the WASM interpreter reads (assembly/main.ts). */
export function encode(program: Program): Int32Array {
  const words = [program.phases.length];
  for (const phase of program.phases) {
    const ops = phase.ops.flatMap((op) => {
      const { id, args } = kernels[op.kernel];
      const values: Readonly<Record<string, number>> = op.args;
      return [12 + 4 * args.length, id, op.tasks, ...args.map((name) => values[name] ?? 0)];
    });
    words.push(
      28 + 4 * ops.length,
      phase.axis === "rows" ? layout.AXIS_ROWS : layout.AXIS_TILES,
      phase.serial.reduce((bits, name) => bits | serialBits[name], 0),
      phase.losses,
      phase.wrong,
      phase.axis === "rows"
        ? (phase.taskRows ?? TASK_ROWS)
        : phase.ops.reduce((sum, op) => sum + op.tasks, 0),
      phase.ops.length,
      ...ops,
    );
  }
  // Offsets reach 2³² − 1: through Uint32Array they wrap to the same bits.
  return new Int32Array(Uint32Array.from(words).buffer);
}

/** The program as text, one op per line. */
export function print(program: Program): string {
  const lines = [program.name];
  for (const phase of program.phases) {
    const then = phase.serial.length > 0 ? `, then ${phase.serial.join(", ")}` : "";
    lines.push(`  ${phase.axis}${then}`);
    for (const op of phase.ops) {
      const args = Object.entries(op.args).map(([name, value]) => `${name}=${value}`);
      const tasks = op.tasks > 0 ? ` tasks=${op.tasks}` : "";
      lines.push(`    ${op.kernel} "${op.layer}"${tasks} ${args.join(" ")}`);
    }
  }
  return lines.join("\n");
}
