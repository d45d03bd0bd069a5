import { parentPort } from "node:worker_threads";
import { threadFailure } from "../thread.ts";
import { readStored, type StoredJob } from "./keras-stored.ts";

parentPort?.once("message", (job: StoredJob) => {
  readStored(job).then(
    (result) => parentPort?.postMessage({ result }),
    (error: unknown) => parentPort?.postMessage(threadFailure(error)),
  );
});
