// Loaded into the proxy before its own code: removes the time limit of uploads.
//
// Node aborts a request whose body takes more than five minutes, such as a large upload over a slow connection.
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
