/** The events that the shim publishes: topic, message, codec. */
import {
  TaskCheckpointed,
  TaskCreate,
  TaskDelete,
  TaskExecAdded,
  TaskExecStarted,
  TaskExit,
  TaskOOM,
  TaskPaused,
  TaskResumed,
  TaskStart,
} from "../api/events/task.ts";

export const Topic = {
  create: ["/tasks/create", "TaskCreate", TaskCreate],
  start: ["/tasks/start", "TaskStart", TaskStart],
  exit: ["/tasks/exit", "TaskExit", TaskExit],
  oom: ["/tasks/oom", "TaskOOM", TaskOOM],
  delete: ["/tasks/delete", "TaskDelete", TaskDelete],
  execAdded: ["/tasks/exec-added", "TaskExecAdded", TaskExecAdded],
  execStarted: ["/tasks/exec-started", "TaskExecStarted", TaskExecStarted],
  paused: ["/tasks/paused", "TaskPaused", TaskPaused],
  checkpointed: ["/tasks/checkpointed", "TaskCheckpointed", TaskCheckpointed],
  resumed: ["/tasks/resumed", "TaskResumed", TaskResumed],
} as const;
