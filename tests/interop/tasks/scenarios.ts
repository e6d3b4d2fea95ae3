/** What is done with a container's task, in order; each line a call as calls.ts has it. */

/** Calls about one container. */
export interface Scenario {
  readonly name: string;
  /** What the container runs; `sleep 1000` unless said. */
  readonly args?: string[];
  readonly terminal?: true;
  /** It shares the host's pids: its other processes outlive the first. */
  readonly hostPids?: true;
  readonly calls: string;
}

/** Every call about a task, where there is nothing to be had. */
const everything =
  "start; kill; wait; get; pids; pause; resume; close; resize; exec e9 true; start e9; delete e9; checkpoint; delete";

export const scenarios: readonly Scenario[] = [
  { name: "no task", calls: everything },
  {
    name: "created",
    calls:
      "create; create; get; pids; pause; resume; close; close; resize; get nosuch; kill nosuch; wait nosuch; " +
      "delete nosuch; start nosuch; close nosuch; resize nosuch; exec - true; exec -bad- true; " +
      "exec e1 true; exec e1 true; get e1; delete e1; delete e1; delete; delete; get",
  },
  {
    name: "exec of a created task",
    calls: "create; exec e1 sleep 1000; start e1; kill e1; wait e1; delete e1; delete",
  },
  { name: "killed before its start", calls: "create; kill; wait; get; start; kill; delete; delete" },
  {
    name: "running",
    calls:
      "create; start; start; get; create; delete; delete; pids; close; close; resize; exec e1 sleep 1000; " +
      "kill e1; wait nosuch; close e1; resize e1; start e1; start e1; get e1; exec e1 true; pids; delete e1; resize e1; " +
      "close e1; close e1; kill e1 0; kill - 0; kill e1 99; kill e1; wait e1; wait e1; kill e1; kill e1 9 all; start e1; " +
      "close e1; resize e1; get e1; exec e1 true; delete e1; delete e1; get e1; wait e1; kill e1; start e1; close e1; " +
      "resize e1; exec e2 true; delete e2; exec e3 true; start e3; wait e3; delete e3; kill - 9 all; wait; delete",
  },
  {
    name: "an exec that can't be started",
    calls:
      "create; start; exec e1 /nosuch; start e1; get e1; kill e1; delete e1; delete e1; exec e1 true; start e1; " +
      "wait e1; delete e1; kill; wait; delete",
  },
  {
    name: "an exec without a spec",
    calls: "create; start; exec e1",
  },
  {
    name: "ended",
    calls:
      "create; exec e1 sleep 1000; start; start e1; kill; wait; wait; get; kill; kill - 9 all; start; pids; pause; " +
      "resume; close; resize; exec e2 true; get e1; wait e1; kill e1; start e1; checkpoint; create; delete e1; delete; " +
      everything,
  },
  {
    name: "paused",
    calls:
      "create; start; pause; pause; get; start; create; pids; exec e1 true; get e1; delete e1; kill - 15; " +
      "close; resize; delete; resume; resume; get; pause; resume; kill; wait; delete",
  },
  { name: "killed while paused", calls: "create; start; pause; kill; wait; get; delete" },
  {
    name: "a start in a paused task",
    calls: "create; start; exec e1 true; pause; start e1; resume; kill; wait; delete",
  },
  {
    name: "it ended by itself",
    args: ["sh", "-c", "exit 7"],
    calls: "create; start; wait; start; kill; delete; wait",
  },
  {
    name: "an exec outlives the first process",
    hostPids: true,
    calls:
      "create; start; exec e1 sleep 1000; start e1; exec e2 sleep 1000; kill; wait; get; delete; wait e1",
  },
  {
    name: "with a terminal",
    terminal: true,
    calls:
      "create; resize; start; resize; exec e1 tty sleep 1000; resize e1; start e1; resize e1; close e1; kill e1; " +
      "wait e1; resize e1; delete e1; kill; wait; resize; delete",
  },
  { name: "deleting the exec without a name", calls: "create; delete-process -" },
  { name: "a program that isn't there", args: ["/nosuch"], calls: "create; get; start; delete" },
  {
    name: "streams that can't be had",
    calls: "create stdout /no/such/fifo; get; create stdout ftp://host/path; get; " +
      "create; delete",
  },
];

const waiters = "an exec that failed to start has ended: whoever waits for it would wait for ever otherwise";

/** Answers of ours that differ from containerd's on purpose: theirs, ours, and why. */
export const justified: Readonly<Record<string, readonly [theirs: string, ours: string, why: string]>> = {
  "deleting the exec without a name [1] delete-process -": [
    "OK 0",
    "InvalidArgument",
    "that would be the task's own process, whose task would stay behind without it",
  ],
  "an exec that can't be started [4] get e1": ["OK CREATED", "OK STOPPED", waiters],
  "an exec that can't be started [5] kill e1": ["FailedPrecondition", "NotFound", waiters],
  "an exec that can't be started [6] delete e1": ["OK 0", "OK 255", waiters],
};

/**
 * containerd's shim gives no class to what a process's state forbids, and none to arguments that are wrong or name what is not there; ours has
 * those that containerd's own client has for the same.
 */
export const classed: readonly string[] = ["FailedPrecondition", "InvalidArgument", "NotFound"];
