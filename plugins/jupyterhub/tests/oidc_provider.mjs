// A real OpenID Connect provider with one client, for tests: node oidc_provider.mjs LIBRARY PORT REDIRECT_URI GROUPS
// Any password is right. Users are in the groups of the file GROUPS, or else in "students"; null deletes a user.
// Access tokens of users whose name begins with "brief" expire after three seconds.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [library, port, redirectUri, file] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(library));
const groups = (name) => {
  const members = JSON.parse(readFileSync(file));
  return name in members ? members[name] : ["students"];
};

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "hub",
      client_secret: "secret-of-the-hub",
      redirect_uris: [redirectUri],
      grant_types: ["authorization_code", "refresh_token"],
    },
  ],
  claims: { openid: ["sub"], profile: ["preferred_username", "groups"] },
  findAccount: (_, name) =>
    groups(name) && {
      accountId: name,
      claims: async () => ({ sub: name, preferred_username: name, groups: groups(name) }),
    },
  clockTolerance: 0,
  issueRefreshToken: async () => true,
  ttl: { AccessToken: (_, token) => (token.accountId.startsWith("brief") ? 3 : 3600) },
  pkce: { required: () => true, methods: ["S256"] },
  cookies: { keys: ["only for tests"] },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
