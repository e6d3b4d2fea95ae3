/** Images: names for descriptors. */
import { ImageCreate, ImageDelete, ImageUpdate } from "../api/events/image.ts";
import type { Image } from "../api/services/images/v1/images.ts";
import type { Descriptor } from "../api/types/descriptor.ts";
import { alreadyExists, failedPrecondition, invalidArgument, notFound } from "../errors.ts";
import type { Publisher } from "../events/mod.ts";
import { parseFilters } from "../filters/mod.ts";
import { anyOf } from "../rpc/any.ts";
import { now } from "../rpc/timestamp.ts";
import type { Scope } from "../scope.ts";
import type { Database } from "./database.ts";
import { mapField, textField } from "./fields.ts";
import { checkScope, digestFault } from "./identifiers.ts";
import { checkLabels, keptLabels, updateLabels } from "./labels.ts";
import { ensureNamespace } from "./namespaces.ts";
import { images } from "./schema.ts";

/** The images of all namespaces. */
export class ImageStore {
  readonly #db: Database;
  readonly #publisher: Publisher;

  constructor(db: Database, publisher: Publisher) {
    this.#db = db;
    this.#publisher = publisher;
  }

  /** @throws NotFound */
  get(scope: Scope, name: string): Image {
    checkScope(scope);
    const image = this.#db.get(images, [scope.namespace, name]);
    if (!image) throw missing(name);
    return image;
  }

  /** Images that match any of `filters`: name, target.digest, target.mediatype, labels.KEY, annotations.KEY. */
  list(scope: Scope, filters: readonly string[] = []): Image[] {
    checkScope(scope);
    const match = parseFilters(filters);
    const all = this.#db.list(images, [scope.namespace]).map(([, image]) => image);
    return all.filter((image) => match((path) => imageField(image, path)));
  }

  /** Makes an image, whatever times it came with. @throws AlreadyExists */
  async create(scope: Scope, image: Image): Promise<Image> {
    checkScope(scope);
    const created: Image = { ...image, labels: keptLabels(image.labels), createdAt: now() };
    created.updatedAt = created.createdAt;
    checkImage({ ...created, labels: image.labels });
    await this.#db.write((tx) => {
      ensureNamespace(tx, scope);
      const key = [scope.namespace, created.name];
      if (tx.has(images, key)) throw alreadyExists(`image ${JSON.stringify(created.name)}`);
      tx.put(images, key, created);
    });
    const event = anyOf("containerd.services.images.v1.ImageCreate", ImageCreate, created);
    this.#publisher.publish(scope.namespace, "/images/create", event);
    return created;
  }

  /**
   * Changes what `paths` name: labels, labels.KEY, target, annotations, annotations.KEY (the target's); all if
   * none are given.
   *
   * @throws NotFound, InvalidArgument
   */
  async update(scope: Scope, image: Image, paths: readonly string[] = []): Promise<Image> {
    checkScope(scope);
    if (image.name === "") throw invalidArgument("image name is required for update");
    const updated = await this.#db.write((tx) => {
      const current = tx.get(images, [scope.namespace, image.name]);
      if (!current) throw missing(image.name);
      const updated = changed(current, image, paths);
      checkImage(updated);
      tx.put(images, [scope.namespace, image.name], updated);
      return updated;
    });
    const event = anyOf("containerd.services.images.v1.ImageUpdate", ImageUpdate, updated);
    this.#publisher.publish(scope.namespace, "/images/update", event);
    return updated;
  }

  /**
   * Deletes an image. With `target` only if it still has this digest.
   *
   * @throws NotFound, FailedPrecondition
   */
  async delete(scope: Scope, name: string, target?: Pick<Descriptor, "digest">): Promise<void> {
    checkScope(scope);
    await this.#db.write((tx) => {
      const key = [scope.namespace, name];
      if (!tx.has(images, key)) throw missing(name);
      const digest = target ? tx.get(images, key)?.target?.digest : undefined;
      if (target && target.digest !== digest) {
        throw failedPrecondition(
          `image ${JSON.stringify(name)} has the target ${digest}, not ${target.digest}`,
        );
      }
      tx.delete(images, key);
    });
    const event = anyOf("containerd.services.images.v1.ImageDelete", ImageDelete, { name });
    this.#publisher.publish(scope.namespace, "/images/delete", event);
  }
}

const missing = (name: string) => notFound(`image ${JSON.stringify(name)}`);

function changed(current: Image, wanted: Image, paths: readonly string[]): Image {
  const fields = paths.length > 0 ? paths : ["labels", "target"];
  const updated: Image = { ...current, updatedAt: now() };
  updated.labels = updateLabels(current.labels, wanted.labels, fields, (path) => {
    const target = updated.target!;
    const annotations = wanted.target?.annotations ?? {};
    if (path === "target") updated.target = wanted.target;
    else if (path === "annotations") updated.target = { ...target, annotations };
    else if (path.startsWith("annotations.")) {
      const key = path.slice(12);
      updated.target = {
        ...target,
        annotations: keptLabels({ ...target.annotations, [key]: annotations[key] ?? "" }),
      };
    } else {
      throw invalidArgument(
        `cannot update ${JSON.stringify(path)} field on image ${JSON.stringify(current.name)}`,
      );
    }
  });
  return updated;
}

function checkImage({ name, labels, target }: Image): void {
  if (name === "") throw invalidArgument("image name must not be empty");
  checkLabels(labels, "image.Labels");
  const digest = target?.digest ?? "";
  const fault = digestFault(digest);
  if (fault) throw invalidArgument(`Target.Digest ${JSON.stringify(digest)} invalid: ${fault}`);
  if (target!.size <= 0n) throw invalidArgument("Target.Size must be greater than zero");
  if (target!.mediaType === "") throw invalidArgument("Target.MediaType must be set");
}

function imageField(image: Image, [field, ...rest]: string[]): string | undefined {
  switch (field) {
    case "name":
      return textField(image.name);
    case "target":
      if (rest[0] === "digest") return textField(image.target?.digest);
      if (rest[0] === "mediatype") return textField(image.target?.mediaType);
      return undefined;
    case "labels":
      return mapField(image.labels, rest);
    case "annotations":
      return mapField(image.target?.annotations ?? {}, rest);
  }
}
