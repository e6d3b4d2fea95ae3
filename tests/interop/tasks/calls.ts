/** Calls of the task service as words, so that a table of them can be made to several daemons. */
import { TasksDefinition } from "../../../lib/api/services/tasks/v1/tasks.ts";
import { SnapshotsDefinition } from "../../../lib/api/services/snapshots/v1/snapshots.ts";
import { Status } from "../../../lib/api/types/task/task.ts";
import { Code, codeOf } from "../../../lib/errors.ts";
import { processUrl } from "../../../lib/oci/mod.ts";
import { anyJson } from "../../../lib/rpc/any.ts";
import type { Channel } from "../../../lib/rpc/service.ts";

/** Milliseconds after which a call that is still waiting counts as one that waits for ever. */
const patience = 3000;

/** A container of a daemon, and the calls about its task. */
export class Caller {
  readonly #tasks;
  readonly #snapshots;

  /** `stdout`: a FIFO that somebody reads, for processes with a terminal, which have no other output. */
  constructor(
    channel: Channel,
    namespace: string,
    readonly containerId: string,
    readonly process: { terminal?: boolean },
    readonly stdout: string,
  ) {
    this.#tasks = channel.stub(TasksDefinition, { namespace, timeout: patience });
    this.#snapshots = channel.stub(SnapshotsDefinition, { namespace });
  }

  /** Makes a call; "OK", what it answers that is worth comparing, or the class of its error. */
  async say(words: string): Promise<string> {
    try {
      const answer = await this.#call(words.split(" "));
      return ["OK", answer].filter((part) => part !== undefined).join(" ");
    } catch (error) {
      const code = codeOf(error);
      return Object.entries(Code).find(([, number]) => number === code)![0];
    }
  }

  async #call([verb = "", ...rest]: string[]): Promise<string | number | undefined> {
    const tasks = this.#tasks;
    const { containerId } = this;
    const [execId = "", ...more] = rest.map((word) => word === "-" ? "" : word);
    const id = { containerId, execId };
    switch (verb) {
      case "create": {
        const { mounts } = await this.#snapshots.mounts({ snapshotter: "overlayfs", key: containerId });
        const [key, value] = rest;
        const { terminal } = this.process;
        const stdout = terminal ? this.stdout : "";
        await tasks.create({
          containerId,
          rootfs: mounts,
          terminal,
          stdout,
          ...(key ? { [key]: value } : {}),
        });
        return;
      }
      case "start":
        return void await tasks.start(id);
      case "exec": {
        const terminal = more[0] === "tty";
        const args = terminal ? more.slice(1) : more;
        const spec = args.length ? anyJson(processUrl, { ...this.process, args, terminal }) : undefined;
        return void await tasks.exec({ ...id, spec, terminal, stdout: terminal ? this.stdout : "" });
      }
      case "kill":
        return void await tasks.kill({ ...id, signal: Number(more[0] ?? 9), all: more[1] === "all" });
      case "wait":
        return (await tasks.wait(id)).exitStatus;
      case "get":
        return Status[(await tasks.get(id)).process!.status];
      case "delete":
        return execId
          ? (await tasks.deleteProcess(id)).exitStatus
          : (await tasks.delete({ containerId })).exitStatus;
      case "delete-process":
        return (await tasks.deleteProcess(id)).exitStatus;
      case "pids":
        return (await tasks.listPids({ containerId })).processes.length;
      case "pause":
        return void await tasks.pause({ containerId });
      case "resume":
        return void await tasks.resume({ containerId });
      case "close":
        return void await tasks.closeIO({ ...id, stdin: true });
      case "resize":
        return void await tasks.resizePty({ ...id, width: 80, height: 24 });
      case "checkpoint":
        return void await tasks.checkpoint({ containerId });
      default:
        throw new Error(`no such call: ${verb}`);
    }
  }
}
