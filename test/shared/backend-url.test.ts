import { expect, test } from "bun:test";
import { backendId } from "../../src/shared/backend-id.ts";
import { hostOf, isLinkLocal, namesLinkLocal } from "../../src/shared/backend-url.ts";

test.each([
  "169.254.0.1",
  "169.254.169.254",
  "::ffff:169.254.169.254",
  "fe80::1",
  "febf::1",
  "fe80::1%eth0",
  "fd00:ec2::254",
  "64:ff9b::a9fe:a9fe",
  "64:ff9b::169.254.169.254",
  "64:ff9b::6464:64c8",
  "64:ff9b::c000:c0",
  "::a9fe:a9fe",
  "2002:a9fe:a9fe::1",
  "2002:6464:64c8::1",
  "fd20:ce::254",
  "100.100.100.200",
  "192.0.0.192",
])("%s is link-local or metadata", (address) => {
  expect(isLinkLocal(address)).toBe(true);
});

test.each(["127.0.0.1", "10.0.0.1", "169.253.255.255", "fec0::1", "::1", "100.100.100.201"])(
  "%s is not",
  (address) => {
    expect(isLinkLocal(address)).toBe(false);
  },
);

test("a URL is judged by the address it means, however that is written", () => {
  const origin = (text: string) => new URL(text).origin;
  const means = ["http://2852039166", "http://0xa9.254.43518", "http://[::ffff:a9fe:a9fe]:80"];
  for (const text of means) expect(namesLinkLocal(origin(text))).toBe(true);
  expect(namesLinkLocal("http://metadata.google.internal")).toBe(false);
  expect(hostOf("http://[fe80::1]:8080")).toBe("fe80::1");
});

test("an id follows from the URL alone", () => {
  expect(backendId("http://10.0.0.1:8080")).toBe(backendId("http://10.0.0.1:8080"));
  expect(backendId("http://10.0.0.1:8080")).toMatch(/^[0-9a-f]{12}$/);
  expect(backendId("http://10.0.0.1:8080")).not.toBe(backendId("http://10.0.0.1:8081"));
});
