/** What the rows share: a registry with the images, and the daemons. */
import { busyboxImage, push, type Registry, Scratch, startRegistry } from "../harness/mod.ts";
import { pullImage, smallFilesImage } from "./image.ts";
import type { Row } from "./rows.ts";
import { Sides } from "./sides.ts";

/** Rows that are measured together, by the name that the command line knows. */
export type Measurement = (bench: Bench) => Promise<Row[]>;

export class Bench implements AsyncDisposable {
  readonly sides: Sides;
  /** A pulled image that has `true` and `sleep`. */
  readonly image: string;
  readonly #stack: AsyncDisposableStack;
  readonly #scratch: Scratch;
  readonly #registry: Registry;
  #layered: Promise<string> | undefined;
  #manyFiles: Promise<string> | undefined;

  private constructor(
    stack: AsyncDisposableStack,
    parts: { scratch: Scratch; registry: Registry; sides: Sides; image: string },
  ) {
    this.#stack = stack;
    this.#scratch = parts.scratch;
    this.#registry = parts.registry;
    this.sides = parts.sides;
    this.image = parts.image;
  }

  static async open(): Promise<Bench> {
    await using stack = new AsyncDisposableStack();
    const scratch = stack.use(await Scratch.make("shm"));
    const registry = stack.use(await startRegistry({ where: "shm" }));
    const image = await push(await busyboxImage(scratch), registry, "busybox:latest");
    const sides = stack.use(await Sides.start());
    const bench = new Bench(stack.move(), { scratch, registry, sides, image });
    await bench.pullInto(sides);
    return bench;
  }

  /** A file's path in memory. */
  path(name: string): string {
    return this.#scratch.join(name);
  }

  /** Reference of the image of five layers, which is made when first asked for. */
  layered(): Promise<string> {
    return this.#layered ??= pullImage(this.#scratch).then((image) =>
      push(image, this.#registry, "layers:latest")
    );
  }

  /** Reference of the image of 30,000 small files, which is made when first asked for. */
  manyFiles(): Promise<string> {
    return this.#manyFiles ??= smallFilesImage(this.#scratch, 30_000).then((image) =>
      push(image, this.#registry, "many:latest")
    );
  }

  /** Gives both daemons {@linkcode image}. */
  async pullInto(sides: Sides): Promise<void> {
    for (const side of ["ours", "theirs"] as const) {
      await sides.ctr(side, "images", "pull", "--plain-http", this.image);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
