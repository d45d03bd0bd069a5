/** Child processes that a script waits for, and that end with it. */
import { spawn } from "node:child_process";
import { Refusal } from "./say.mjs";

/**
 * Runs a program to its end, quietly. Its output appears only if it fails, inside the Refusal.
 * `what` names the work in that message; `hint` says what to do; `ofInterest` tells the lines worth printing.
 */
export async function runQuietly(
  command,
  args,
  { what, hint = "", ofInterest = () => true, ...options },
) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  const code = await ended(child);
  if (code !== 0) {
    const lines = output.trimEnd().split(/\r?\n/).filter(ofInterest).slice(-60);
    throw new Refusal(`${lines.join("\n")}\n${what} failed (${describe(code)}). ${hint}`.trim());
  }
  return output;
}

/** Runs a program with our own stdin, stdout and stderr; resolves with its exit status. */
export async function runLoudly(command, args, options = {}) {
  const child = spawn(command, args, { stdio: "inherit", ...options });
  const forward = (signal) => child.kill(signal);
  process.on("SIGINT", forward).on("SIGTERM", forward);
  try {
    const code = await ended(child);
    return typeof code === "number" ? code : 1;
  } finally {
    process.off("SIGINT", forward).off("SIGTERM", forward);
  }
}

/** The exit status, the signal's name, or the error that kept the program from starting. */
function ended(child) {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(code ?? signal));
  });
}

function describe(code) {
  return typeof code === "number" ? `exit ${code}` : String(code);
}
