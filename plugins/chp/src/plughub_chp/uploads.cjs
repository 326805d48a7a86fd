// Loaded into the proxy before its own code: gives uploads all the time that they take.
//
// Node ends a request whose body takes more than five minutes, such as a large upload over a slow line.
"use strict";

const http = require("http");
const https = require("https");

for (const Server of [http.Server, https.Server]) {
  const listen = Server.prototype.listen;
  Server.prototype.listen = function () {
    this.requestTimeout = 0;
    return listen.apply(this, arguments);
  };
}
