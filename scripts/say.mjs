/** What the scripts print: short lines, a stage number, and the seconds that a stage took. */

/** A failure whose message is meant for people: it is printed alone, without a stack. */
export class Refusal extends Error {}

/** Runs `main`; prints a Refusal's message on stderr and ends with status 1. Other errors keep their stack. */
export async function runMain(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

/**
 * Stages of a script: `await stage("Building", work)` prints `[2/4] Building … 3.1 s`.
 * `work` returns false when there was nothing to do; then nothing is printed unless `chatty`.
 */
export function stages(
  total,
  { chatty = false, write = (text) => process.stdout.write(text) } = {},
) {
  let number = 0;
  return async (name, work) => {
    number++;
    const head = `[${number}/${total}] ${name}`;
    const start = performance.now();
    let announced = false;
    const announce = () => {
      if (!announced) write(`${head} …\n`);
      announced = true;
    };
    const did = await work(announce);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    if (did !== false) write(`${head}: done in ${seconds} s\n`);
    else if (chatty) write(`${head}: up to date (${seconds} s)\n`);
    return did;
  };
}
