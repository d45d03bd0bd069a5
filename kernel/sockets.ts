import { capability, Reply, Router, type Socket, XPublisher } from "zeromq";
import { address, type Connection } from "./connection.ts";

/** Channels on which clients send requests. */
export type Channel = "shell" | "control" | "stdin";

/** What the kernel needs of its transport; the only implementation here is ZeroMQ. */
export interface Sockets {
  send(channel: Channel, frames: Buffer[]): void;
  /** Sends to every subscriber. */
  publish(frames: Buffer[]): void;
  /** Resolves after everything sent has left this process. */
  close(): Promise<void>;
}

/** Who receives from the sockets. */
export interface Receiver {
  receive(channel: Channel, frames: Buffer[]): void;
  /** A client subscribed to `topic` on iopub. */
  subscribed(topic: Buffer): void;
}

/**
 * Binds the five sockets of a connection and pumps their messages to `receiver` until they are closed.
 * @throws Error if the connection has CurveZMQ keys and this ZeroMQ cannot encrypt.
 */
export async function bind(connection: Connection, receiver: Receiver): Promise<Sockets> {
  // No high-water mark: a kernel that drops output silently is worse than one that needs memory.
  const encryption = curve(connection);
  const options = { sendHighWaterMark: 0, receiveHighWaterMark: 0, linger: 1000, ...encryption };
  const routers = {
    shell: new Router({ ...options }),
    control: new Router({ ...options }),
    stdin: new Router({ ...options }),
  };
  const iopub = new XPublisher({ ...options });
  iopub.verbosity = "allSubs";
  const heartbeat = new Reply({ linger: 0, ...encryption });
  await Promise.all([
    routers.shell.bind(address(connection, connection.shell_port)),
    routers.control.bind(address(connection, connection.control_port)),
    routers.stdin.bind(address(connection, connection.stdin_port)),
    iopub.bind(address(connection, connection.iopub_port)),
    heartbeat.bind(address(connection, connection.hb_port)),
  ]);

  for (const channel of ["shell", "control", "stdin"] as const)
    void pump(routers[channel], (frames) => receiver.receive(channel, frames));
  void pump(iopub, ([frame]) => {
    if (frame?.[0] === 1) receiver.subscribed(frame.subarray(1));
  });
  const beat = sender(heartbeat);
  void pump(heartbeat, beat.send);

  const senders = {
    shell: sender(routers.shell),
    control: sender(routers.control),
    stdin: sender(routers.stdin),
    iopub: sender(iopub),
  };
  return {
    send: (channel, frames) => senders[channel].send(frames),
    publish: senders.iopub.send,
    async close() {
      await Promise.all(Object.values(senders).map(({ drained }) => drained()));
      for (const socket of [...Object.values(routers), iopub, heartbeat]) socket.close();
    },
  };
}

/** Options of a server that only those who know its public key can talk to, and nobody can overhear. */
function curve({ curve }: Connection): object {
  if (!curve) return {};
  if (!capability.curve)
    throw new Error(
      "sockets: the connection file asks for CurveZMQ, which this build of zeromq does not have. Set transport_encryption to disabled.",
    );
  return {
    curveServer: true,
    curvePublicKey: curve.publicKey,
    curveSecretKey: curve.secretKey,
  };
}

async function pump(
  socket: Socket & AsyncIterable<Buffer[]>,
  take: (frames: Buffer[]) => void,
): Promise<void> {
  try {
    for await (const frames of socket) take(frames);
  } catch (error) {
    if (!socket.closed) throw error;
  }
}

/** A socket refuses a second `send` while one waits, so each socket has its own chain. */
function sender(socket: Socket & { send(frames: Buffer[]): Promise<void> }): {
  send: (frames: Buffer[]) => void;
  drained: () => Promise<void>;
} {
  let last = Promise.resolve();
  return {
    send: (frames) => {
      // A client that left cannot be reached; that is its business, the kernel goes on.
      last = last.then(() => socket.send(frames)).catch(() => {});
    },
    drained: () => last,
  };
}
