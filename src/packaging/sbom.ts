// The bill of materials that goes with a release: CycloneDX 1.6 as JSON. The same input gives the
// same text, so two builds of one commit can be compared.

import { Enums, Models, Serialize, Spec, SPDX } from "@cyclonedx/cyclonedx-library";
import { PackageURL } from "packageurl-js";
import type { Ingredient } from "./ingredients.ts";

export interface Product {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly ingredients: readonly Ingredient[];
}

export function sbom({ name, version, license, ingredients }: Product): string {
  const bom = new Models.Bom();
  const product = new Models.Component(Enums.ComponentType.Application, name, {
    version,
    bomRef: `${name}@${version}`,
  });
  product.licenses.add(licenseOf(license));
  bom.metadata.component = product;
  const parts = [runtime(), ...ingredients.map(library)];
  for (const part of parts) {
    bom.components.add(part);
    product.dependencies.add(part.bomRef);
  }
  const serializer = new Serialize.JsonSerializer(
    new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6),
  );
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

/** Bun itself makes up most of the executable. */
function runtime(): Models.Component {
  const bun = new Models.Component(Enums.ComponentType.Platform, "bun", {
    version: Bun.version,
    bomRef: `bun@${Bun.version}`,
    purl: new PackageURL("npm", null, "bun", Bun.version, null, null).toString(),
  });
  bun.licenses.add(new Models.SpdxLicense("MIT"));
  return bun;
}

function library({ name, version, license, integrity }: Ingredient): Models.Component {
  const slash = name.indexOf("/");
  const [scope, rest] = [slash < 0 ? "" : name.slice(0, slash), name.slice(slash + 1)];
  const component = new Models.Component(Enums.ComponentType.Library, rest, {
    ...(scope !== "" && { group: scope }),
    version,
    bomRef: `${name}@${version}`,
    purl: new PackageURL("npm", scope || null, rest, version, null, null).toString(),
  });
  component.licenses.add(licenseOf(license));
  if (integrity?.startsWith("sha512-")) {
    const digest = Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex");
    component.hashes.set(Enums.HashAlgorithm["SHA-512"], digest);
  }
  return component;
}

function licenseOf(text: string): Models.License {
  if (SPDX.isSupportedSpdxId(text)) return new Models.SpdxLicense(text);
  return new Models.NamedLicense(text || "not stated");
}
