import assert from "node:assert/strict";
import { address, parseConnection } from "../../kernel/connection.ts";

const file = {
  transport: "tcp",
  ip: "127.0.0.1",
  key: "secret",
  signature_scheme: "hmac-sha256",
  shell_port: 5001,
  iopub_port: 5002,
  stdin_port: 5003,
  control_port: 5004,
  hb_port: 5005,
};
const parse = (change: object) => parseConnection(JSON.stringify({ ...file, ...change }), "k.json");

describe("connection", () => {
  it("reads a connection file", () => {
    assert.equal(address(parse({}), 5001), "tcp://127.0.0.1:5001");
    assert.equal(address(parse({ transport: "ipc", ip: "/tmp/k" }), 1), "ipc:///tmp/k-1");
  });

  it("refuses wrong ports, empty keys and unknown signature schemes, and names them", () => {
    assert.throws(
      () => parse({ shell_port: "5001x" }),
      new RangeError(
        'connection file k.json: shell_port must be a port from 1 to 65535, got "5001x".',
      ),
    );
    assert.throws(() => parse({ key: "" }), /unsigned messages are refused/);
    assert.throws(() => parse({ signature_scheme: "hmac-md5" }), /hmac-sha256/);
    assert.throws(() => parseConnection("{", "k.json"), /is not JSON/);
  });

  it("takes both CurveZMQ keys or none, and never shows the secret one", () => {
    const key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
    assert.equal(parse({}).curve, undefined);
    assert.equal(parse({ curve_publickey: null, curve_secretkey: null }).curve, undefined);
    assert.deepEqual(parse({ curve_publickey: key, curve_secretkey: key }).curve, {
      publicKey: key,
      secretKey: key,
    });
    assert.throws(() => parse({ curve_secretkey: key }), /curve_publickey must be 40 characters/);
    assert.throws(
      () => parse({ curve_publickey: key, curve_secretkey: "my secret" }),
      new TypeError(
        'connection file k.json: curve_secretkey must be 40 characters of Z85, got "string".',
      ),
    );
  });
});
