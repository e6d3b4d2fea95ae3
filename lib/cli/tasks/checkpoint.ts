/** `ctr tasks checkpoint` */
import { ContainersDefinition } from "../../api/services/containers/v1/containers.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { print } from "../output/print.ts";
import { loadTask } from "./load.ts";

export async function run(call: Call): Promise<void> {
  const { flags } = call;
  const [id, name = defaultName(id, new Date())] = required(call, "a container id");
  await using daemon = await connect(call);
  await loadTask(daemon, id);
  const task = {
    exit: flags.on("exit"),
    workPath: flags.text("work-path"),
    tcpEstablished: flags.on("tcp-established"),
    externalUnixSockets: flags.on("ext-unix-sk"),
    fileLocks: flags.on("file-locks"),
  };
  const { checkpointContainer, checkpointInto } = await import("../../client/checkpoint.ts");
  if (flags.text("image-path")) return await checkpointInto(daemon, id, flags.text("image-path"), task);
  const { container } = await daemon.stub(ContainersDefinition).get({ id });
  const image = container!.image !== "";
  await checkpointContainer(daemon, id, name, { task, image, rw: image });
  print(`${name}\n`);
}

/** As Go's ctr names them: month, day, year and time. */
function defaultName(id: string, now: Date): string {
  const [date = "", time = ""] = now.toISOString().slice(0, 19).split("T");
  const [year, month, day] = date.split("-");
  return `containerd.io/checkpoint/${id}:${month}-${day}-${year}-${time}`;
}
