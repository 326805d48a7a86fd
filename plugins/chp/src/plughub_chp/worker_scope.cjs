// Loaded into the proxy before its own code: confines the service workers of each server to its own route.
//
// A worker controls all pages in the folder of its script, or in the scope that the header
// Service-Worker-Allowed grants. The proxy alone would let one server control the pages of all others.
"use strict";

const http = require("http");
const https = require("https");

const HEADER = "service-worker-allowed";
const BASE = process.env.PLUGHUB_BASE_URL || "/";
const SHARED = [`${BASE}user/`, `${BASE}services/`];

function isShared(url) {
  const path = url.split(/[?#]/, 1)[0];
  const folder = path.replace(/[^/]*$/, "");
  return /%2f|%5c/i.test(path) || SHARED.some((prefix) => prefix.startsWith(folder));
}

function without(headers) {
  if (Array.isArray(headers)) {
    const pairs = headers.every(Array.isArray) ? headers.flat() : headers;
    return pairs.filter((_, at) => String(pairs[at - (at % 2)]).toLowerCase() !== HEADER);
  }
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== HEADER));
}

const writeHead = http.ServerResponse.prototype.writeHead;
http.ServerResponse.prototype.writeHead = function (status, ...rest) {
  if (!this.headersSent) this.removeHeader(HEADER);
  const given = rest.map((one) => (one && typeof one === "object" ? without(one) : one));
  return writeHead.call(this, status, ...given);
};

for (const Server of [http.Server, https.Server]) {
  const emit = Server.prototype.emit;
  Server.prototype.emit = function (event, request, response) {
    if (event === "request" && "service-worker" in request.headers && isShared(request.url)) {
      response.writeHead(403, { "Content-Type": "text/plain" });
      response.end("A service worker script must be in the folder of its own server.\n");
      return true;
    }
    return emit.apply(this, arguments);
  };
}

process.stderr.write("plughub: service workers are kept below their routes\n");
