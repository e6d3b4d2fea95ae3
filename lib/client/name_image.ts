/** An image's record, made or made another. */
import type { Image as ImageRecord } from "../api/services/images/v1/images.ts";
import { ImagesDefinition } from "../api/services/images/v1/images.ts";
import { Code, isError } from "../errors.ts";
import type { CallOptions } from "../rpc/service.ts";
import type { Stored } from "./documents.ts";
import type { Services } from "./services.ts";

/** Has `name` stand for `target` from now on. */
export async function nameImage(
  services: Services,
  name: string,
  target: Stored,
  labels: Record<string, string>,
  call: CallOptions,
): Promise<ImageRecord> {
  const images = services.stub(ImagesDefinition);
  const descriptor = { ...target, size: BigInt(target.size), annotations: {} };
  const image = { name, labels, target: descriptor, createdAt: undefined, updatedAt: undefined };
  try {
    return (await images.create({ image }, call)).image!;
  } catch (error) {
    if (!isError(error, Code.AlreadyExists)) throw error;
    return (await images.update({ image }, call)).image!;
  }
}
