/** The options of `npm start`. */
import { parsePort } from "./checks.mjs";
import { Refusal } from "./say.mjs";

export const help = `npm start -- [options]     prepares what is missing, then opens the first notebook in JupyterLab

  --port N        use exactly this port (default: the first free one from 8888)
  --no-browser    print the address instead of opening a browser
  --system-node   run the kernel on this Node, though it be older than 24, instead of fetching Node 24 once
  --help          this text

LCLAB_DATA, if set, is the folder with the data sets (mnist/, cifar-10/, …). Ctrl-C ends JupyterLab and its kernels.
`;

/** @throws Refusal at an unknown option. */
export function parseOptions(args) {
  const options = { browser: true, port: undefined, systemNode: false, help: false };
  for (let i = 0; i < args.length; i++) {
    const [name, value] = args[i].split(/=(.*)/s);
    if (name === "--help" || name === "-h") options.help = true;
    else if (name === "--no-browser") options.browser = false;
    else if (name === "--system-node") options.systemNode = true;
    else if (name === "--port") options.port = parsePort("npm start", value ?? args[++i]);
    else {
      throw new Refusal(
        `npm start: unknown option ${JSON.stringify(args[i])}. Its options are --port N, --no-browser, --system-node, --help.`,
      );
    }
  }
  return options;
}
