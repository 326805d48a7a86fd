// A real OpenID Connect provider with one client, for tests: node oidc_provider.mjs LIBRARY PORT REDIRECT_URI
// Any password is right. Users are in the groups of the table below, or else in "students".
import { pathToFileURL } from "node:url";

const [library, port, redirectUri] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(library));
const members = { ada: ["staff", "deans"], nobody: [] };
const groups = (name) => members[name] ?? ["students"];

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
  findAccount: (_, name) => ({
    accountId: name,
    claims: async () => ({ sub: name, preferred_username: name, groups: groups(name) }),
  }),
  pkce: { required: () => true, methods: ["S256"] },
  cookies: { keys: ["only for tests"] },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
