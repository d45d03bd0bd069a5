import { parentPort } from "node:worker_threads";
import { threadFailure } from "../thread.ts";
import { decoder } from "./decode.ts";
import { cutPicture, type PictureJob } from "./picture.ts";

const decode = decoder();

parentPort?.on("message", (job: PictureJob) => {
  cutPicture(job, decode).then(
    (result) => parentPort?.postMessage({ result }, [result.buffer]),
    (error: unknown) => parentPort?.postMessage(threadFailure(error)),
  );
});
