/** What a command prints, its lines joined, and its exit code. */
export async function printed(
  work: () => Promise<number>,
): Promise<{ readonly code: number; readonly text: string }> {
  const { log, error } = console;
  const lines: string[] = [];
  console.log = console.error = (line: string) => lines.push(line);
  try {
    return { code: await work(), text: lines.join("\n") };
  } finally {
    Object.assign(console, { log, error });
  }
}
