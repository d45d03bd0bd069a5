/** Finds a Python that can run JupyterLab, or what else an environment asks for. */
import { spawnSync } from "node:child_process";

const commands =
  process.platform === "win32"
    ? [["py", "-3"], ["python"], ["python3"]]
    : [["python3"], ["python"], ["py", "-3"]];

const probe = `
import sys
try:
    import ensurepip, venv
    complete = "1"
except ImportError:
    complete = "0"
print(*sys.version_info[:3], complete)
`;

/**
 * The first of python3, python, py -3 that is no older than `oldest`, [major, minor], and has venv.
 * Returns { command } or { problem }: a sentence about what was found instead.
 */
export function findPython(oldest) {
  const found = [];
  for (const command of commands) {
    const [program, ...args] = command;
    const { status, stdout } = spawnSync(program, [...args, "-c", probe], { encoding: "utf8" });
    // "print(*…)" is a syntax error on Python 2: it counts as too old.
    if (status === null) continue;
    const numbers = stdout.trim().split(" ").map(Number);
    const name = command.join(" ");
    if (status !== 0 || numbers.length !== 4) found.push(`${name} does not run`);
    else if (numbers[0] < oldest[0] || (numbers[0] === oldest[0] && numbers[1] < oldest[1])) {
      found.push(`${name} is ${numbers.slice(0, 3).join(".")}`);
    } else if (numbers[3] !== 1) {
      found.push(`${name} has no venv module (Debian: apt install python3-venv)`);
    } else return { command };
  }
  const tried = commands.map((command) => command.join(" ")).join(", ");
  return {
    problem: `Python must be ${oldest.join(".")} or newer, with its venv module, got ${
      found.length > 0 ? found.join("; ") : `none (tried ${tried})`
    }. Install it from your system's packages or python.org, then start again.`,
  };
}
