"""Privilege escalation by several users who combine their permissions."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from plughub.domain.errors import HubError
from plughub.domain.roles import Role
from plughub.domain.scopes import excess_scopes, parse_scopes

CALLS = 100
GIVEN = {
    "mallory": ("groups", "list:users", "shares!user=mallory", "read:groups:name"),
    "trudy": ("admin:groups", "admin:users!user=victim", "delete:users!group=class"),
    "oscar": ("shares!user=oscar", "read:users:name", "tokens!group=class", "servers!group=class"),
    "sybil": ("admin:services", "access:services", "read:hub", "groups:shares!group=staff"),
    "peggy": ("admin:users", "users:shares!user=peggy"),
}
"""Scopes of the colluders in addition to the default role."""
PEOPLE = (*GIVEN, "victim", "root", "newcomer")
GROUPS = ("class", "staff", "club")
SCOPES = (
    "self", "inherit", "admin:users", "admin:servers", "admin:groups", "groups", "tokens", "shares", "servers",
    "access:servers", "read:hub", "shutdown", "proxy", "admin:auth_state", "read:users", "list:users", "admin-ui",
    "admin:services", "access:services", "read:servers", "(no_scope)", "users:activity",
)  # fmt: skip
FILTERS = (
    "", "", "!user", "!server", "!group=class", "!group=staff", "!user=victim", "!user=root", "!server=victim/",
    "!server=root/", "!service=evil", "!user=newcomer", *(f"!user={name}" for name in GIVEN),
)  # fmt: skip


class EscalationScenario:
    """Colluding users with all tokens that they obtained, an admin and a victim."""

    def __init__(self, hub, seed):
        self.hub = hub
        self.random = random.Random(seed)
        self.tokens = []
        self.codes = []
        self.done = Counter()
        self.client = hub.browser()

    async def begin(self):
        for name in (*GIVEN, "victim", "root"):
            await self.hub.user(name)

        def hold(tx):
            tx.groups.create(GROUPS)
            roles = {name: (scopes, "user", name) for name, scopes in GIVEN.items()}
            roles["tutor"] = (("admin:servers", "read:hub"), "group", "staff")
            roles["witness"] = (("shutdown", "proxy"), "user", "victim")
            for role, (scopes, kind, holder) in roles.items():
                tx.roles.ensure([Role(name=f"{role}-role", scopes=scopes)])
                tx.roles.grant(f"{role}-role", kind, [holder])
            tx.users.set_admin(tx.users.get("root").id, admin=True)
            tx.groups.add_users("class", ["victim", "mallory"])
            tx.groups.add_users("staff", ["root"])
            tx.shares.grant(tx.servers.get("root", ""), "group", tx.groups.get("club").id, ["access:servers"])

        await self.hub.store.write(hold)
        for name in GIVEN:
            made = await self.hub.tokens.create(await self.hub.user(name))
            self.tokens.append(made.text)
        self.given = await self.held()

    async def held(self):
        """Everything that any of them can do with any token."""
        found = [await self.hub.tokens.authenticate(token) for token in self.tokens]
        return frozenset().union(*(principal.scopes for principal in found if principal is not None))

    async def members(self):
        people = [await self.hub.user(name) for name in PEOPLE if name != "newcomer"]
        return {user.name: user.groups for user in people}

    # ---- attempts

    def a(self, things):
        return self.random.choice(things)

    def scopes(self):
        some = [f"{self.a(SCOPES)}{self.a(FILTERS)}" for _ in range(self.random.randint(1, 3))]
        return self.random.choice([some, ["inherit"], [], [self.a(SCOPES)]])

    def attempt(self):
        user, other, group = self.a(PEOPLE), self.a(PEOPLE), self.a(GROUPS)
        share = {self.a(["user", "group"]): self.a([user, group]), "scopes": self.scopes()}
        server = f"{self.a([*GIVEN, 'victim', 'root'])}/"
        service = {"api_token": f"{self.random.getrandbits(128):032x}", "admin": self.a([True, False])}
        service |= {"oauth_client_allowed_scopes": self.scopes(), "url": "http://127.0.0.1:9"}
        return self.a([
            ("POST", f"users/{user}/tokens", {"scopes": self.scopes()}),
            ("POST", f"users/{user}/tokens", {"roles": [self.a(["admin", "user", "server", "token"])]}),
            ("POST", f"groups/{group}/users", {"users": [user, other]}),
            ("POST", f"groups/{group}/users", {"users": [user]}),
            ("DELETE", f"groups/{group}/users", {"users": [user]}),
            ("DELETE", f"groups/{group}", None),
            ("POST", f"groups/{group}", {"users": [user]}),
            ("PUT", f"groups/{group}/properties", {"roles": ["admin"]}),
            ("POST", f"shares/{server}", share),
            ("POST", f"shares/{server}", {"user": user}),
            ("PATCH", f"shares/{server}", share),
            ("POST", f"share-codes/{server}", {"scopes": self.scopes()}),
            ("POST", f"share-codes/{server}", {}),
            ("POST", "users", {"usernames": [user], "admin": self.a([True, False])}),
            ("POST", f"users/{user}", {"admin": self.a([True, False])}),
            ("PATCH", f"users/{user}", {"admin": True}),
            ("PATCH", f"users/{user}", {"groups": ["staff"]}),
            ("PATCH", "users/newcomer", {"name": self.a([*PEOPLE, "boss"])}),
            ("DELETE", "users/newcomer", None),
            ("POST", "services/evil", service),
            ("DELETE", "services/evil", None),
            ("DELETE", f"users/{user}/shared/{server}", None),
        ])  # fmt: skip

    async def step(self):
        """Try something; the first of some tokens that may do it does."""
        if self.codes and self.random.random() < 0.1:
            await self.accept(self.a(self.codes))
            return
        method, path, body = self.attempt()
        sent = None if body is None else json.dumps(body).encode()
        for token in self.random.sample(self.tokens, min(6, len(self.tokens))):
            answer = await self.client.ask(
                method, f"/hub/api/{path}", body=sent, headers={"Authorization": f"token {token}"}
            )
            assert answer.code < 500, (method, path, body, answer.body)
            if answer.code not in {403, 404}:
                break
        self.done[answer.code // 100] += 1
        if answer.code in {200, 201}:
            model = json.loads(answer.body or b"{}")
            self.tokens += [model["token"]] if "token" in model else []
            self.codes += [model["code"]] if "code" in model else []
            if path.startswith("services/") and method == "POST":
                self.tokens.append(body["api_token"])
        self.last = (method, path, body, answer.code)

    async def accept(self, code):
        name = self.a([*GIVEN, "victim"])
        try:
            await self.hub.services.share_codes.accept(code, await self.hub.user(name))
            self.done["accepted"] += 1
        except HubError:
            self.done["not accepted"] += 1
        self.last = ("accept", name, code, 0)


@pytest.mark.parametrize("seed", range(4))
async def test_combined_permissions_never_grow(hub, seed):
    plot = EscalationScenario(hub, seed)
    await plot.begin()
    trail = []
    for _ in range(CALLS):
        await plot.step()
        trail.append(plot.last)
        more = excess_scopes(await plot.held(), plot.given, await plot.members())
        assert not more, (sorted(more), trail[-5:])
    assert plot.done[2] > CALLS / 10, plot.done
    assert plot.done[4] > CALLS / 10, plot.done
    assert "shutdown" not in parse_scopes(await plot.held())


async def test_model_detects_real_escalation(hub):
    plot = EscalationScenario(hub, 0)
    await plot.begin()
    await hub.store.write(lambda tx: tx.groups.add_users("staff", ["mallory"]))
    more = excess_scopes(await plot.held(), plot.given, await plot.members())
    assert "admin:servers" in more
