/** What the daemon's main thread and its foreman say to each other, of Workers that are known by numbers. */

export type ToForeman =
  | { readonly type: "start"; readonly id: number; readonly url: string }
  | { readonly type: "post"; readonly id: number; readonly message: unknown }
  | { readonly type: "end"; readonly id: number };

export type FromForeman =
  | { readonly type: "message"; readonly id: number; readonly data: unknown }
  | { readonly type: "crash"; readonly id: number; readonly why: string };
