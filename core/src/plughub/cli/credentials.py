"""Commands ``hub token`` and ``hub link``, which create credentials directly in the database."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TypeVar

from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.login_links import address_for_users, caller, login_link, require_login_links, starter
from plughub.app.named_plugins import plugin_names
from plughub.domain.audit import AuditEntry
from plughub.domain.clock import utcnow
from plughub.domain.durations import describe_duration, parse_duration
from plughub.domain.errors import InvalidError
from plughub.domain.names import check_username, normalize_username
from plughub.domain.roles import TOKEN_ROLE
from plughub.domain.timings import LOGIN_LINK_SECONDS, LONGEST_LOGIN_LINK_SECONDS
from plughub.domain.tokens import new_token
from plughub.services.coordination.initial_records import store_initial_records
from plughub.services.tokens.role_scopes import scopes_of_role
from plughub.services.tokens.tokens import store_token
from plughub.services.users.invitations import SHORTEST
from plughub.services.users.login_links import store_link
from plughub.storage.database import Database
from plughub.storage.schema import require_schema, shown_database
from plughub.storage.store import Transaction
from plughub.storage.store import Transaction as StoredTransaction

T = TypeVar("T")


def make_token(options: argparse.Namespace, config: Config) -> int:
    """Create an API token for a user and print it; create the user if necessary.

    The database is named on standard error, because a hub with another one does not accept the token.

    Args:
        options: of the command line.
        config: the configuration.

    Returns:
        The exit code.
    """
    hub, name, text = JupyterHub(config=config), _username(options), new_token()

    def work(tx: Transaction) -> bool:
        store_initial_records(tx)
        known = tx.users.get(name)
        user = known or tx.users.create(name)
        token = store_token(
            tx, text, user_id=user.id, note="made with hub token", scopes=scopes_of_role(tx, TOKEN_ROLE)
        )
        _audit(tx, hub, "token-created", name, token=f"a{token.id}", note=token.note)
        return known is None

    if _transact(hub, work):
        print(f"hub: created user {name!r}, who did not exist", file=sys.stderr)
    print(
        f"hub: created an API token of {name!r} in the database {shown_database(hub.db_url)}", file=sys.stderr
    )
    print(text)
    return 0


def make_link(options: argparse.Namespace, config: Config) -> int:
    """Create a one-time login link, valid for one hour or for as long as the options say, and print it.

    Without a name, the link is for the person who runs the command, and makes them an admin, like the link
    that the hub prints at startup. A link for a named user does not change their permissions.

    Args:
        options: of the command line.
        config: the configuration.

    Returns:
        The exit code.

    Raises:
        StartError: one-time login links are not active.
        InvalidError: the duration is invalid or out of range.
    """
    hub, name, seconds = JupyterHub(config=config), _username(options), _lifetime(options)
    require_login_links(config, plugin_names(options.plugins, hub))
    address = address_for_users(hub)

    def work(tx: Transaction) -> tuple[str, bool]:
        _audit(tx, hub, "create-login-link", name, minutes=seconds // 60)
        link = store_link(tx, name, admin=options.name is None, lifetime=seconds)
        return link, tx.users.get(name) is None

    token, new = _transact(hub, work)
    if new:
        print(f"hub: user {name!r} does not exist; a login with this link creates the user", file=sys.stderr)
    print(
        f"hub: created a login link of {name!r} in the database {shown_database(hub.db_url)}", file=sys.stderr
    )
    print(login_link(address, token))
    return 0


def _lifetime(options: argparse.Namespace) -> int:
    if options.valid_for is None:
        return LOGIN_LINK_SECONDS
    seconds = parse_duration(options.valid_for)
    if not SHORTEST <= seconds <= LONGEST_LOGIN_LINK_SECONDS:
        limits = " to ".join(map(describe_duration, (SHORTEST, LONGEST_LOGIN_LINK_SECONDS)))
        raise InvalidError(f"--valid-for must be {limits}, not {options.valid_for}")
    return seconds


def _username(options: argparse.Namespace) -> str:
    return check_username(normalize_username(starter() if options.name is None else options.name))


def _audit(tx: Transaction, hub: JupyterHub, kind: str, user: str, **detail: object) -> None:
    if hub.audit_days:
        tx.audit.add([AuditEntry(at=utcnow(), kind=kind, user=user, detail={**detail, "by": caller()})])


def _transact(hub: JupyterHub, work: Callable[[Transaction], T]) -> T:
    """Run a transaction in the existing database of a hub."""
    require_schema(hub.db_url, hub.db_kwargs)
    database = Database(hub.db_url, hub.db_kwargs)
    try:
        return database.run(lambda connection: work(StoredTransaction(connection)))
    finally:
        database.close()
