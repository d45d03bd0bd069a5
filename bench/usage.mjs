/**
 * Preloaded by `npm run bench -- sweep` into every Node process below it: at its end a process writes its processor time, all its
 * threads together, to the file LCLAB_BENCH_USAGE as a line of JSON.
 */
import { appendFileSync } from "node:fs";
import { basename } from "node:path";
import { isMainThread } from "node:worker_threads";

const file = process.env.LCLAB_BENCH_USAGE;
if (file && isMainThread) {
  process.on("exit", () => {
    const { userCPUTime, systemCPUTime } = process.resourceUsage();
    const seconds = (userCPUTime + systemCPUTime) / 1e6;
    const program = basename(process.argv[1] ?? "");
    appendFileSync(file, `${JSON.stringify({ program, seconds })}\n`);
  });
}
