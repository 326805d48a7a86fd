"""``hub token`` and ``hub link``: ways in for users, made with access to the database alone."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import TypeVar

from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.login_links import address_for_users, login_link, require_login_links, starter
from plughub.app.plugins import plugin_names
from plughub.domain.audit import AuditEntry
from plughub.domain.clock import utcnow
from plughub.domain.errors import StartError
from plughub.domain.names import check_username, normalize_username
from plughub.domain.roles import TOKEN_ROLE
from plughub.domain.tokens import new_token
from plughub.services.coordination.initial_records import prepare
from plughub.services.tokens.role_scopes import scopes_of_role
from plughub.services.tokens.tokens import store_token
from plughub.services.users.login_links import LIFETIME, store_link
from plughub.storage.database import Database
from plughub.storage.schema import require_schema
from plughub.storage.store import Transaction
from plughub.storage.store import Transaction as StoredTransaction

T = TypeVar("T")


def make_token(options: argparse.Namespace, config: Config) -> int:
    """Print a new API token of a user; a user who is not stored yet is stored.

    Args:
        options: of the command line.
        config: the configuration.

    Returns:
        The exit code.
    """
    hub, name, text = JupyterHub(config=config), _username(options), new_token()

    def work(tx: Transaction) -> bool:
        prepare(tx)
        known = tx.users.get(name)
        user = known or tx.users.create(name)
        made = store_token(
            tx, text, user_id=user.id, note="made with hub token", scopes=scopes_of_role(tx, TOKEN_ROLE)
        )
        _audit(tx, hub, "token-created", name, token=f"a{made.id}", note=made.note)
        return known is None

    if _transact(hub, work):
        print(f"hub: there was no user {name!r} yet: the name is stored", file=sys.stderr)
    print(text)
    return 0


def make_link(options: argparse.Namespace, config: Config) -> int:
    """Print a link that logs a user in once, within an hour.

    Without a name it is the link that the hub prints when it starts: for the person who runs the command, as
    an admin. A link for a named user leaves their rights as they are.

    Args:
        options: of the command line.
        config: the configuration.

    Returns:
        The exit code.
    """
    hub, name = JupyterHub(config=config), _username(options)
    require_login_links(config, plugin_names(options.plugins, hub))
    address = address_for_users(hub)

    def work(tx: Transaction) -> tuple[str, bool]:
        _audit(tx, hub, "create-login-link", name, minutes=int(LIFETIME // 60))
        return store_link(tx, name, admin=options.name is None), tx.users.get(name) is None

    token, new = _transact(hub, work)
    if new:
        print(
            f"hub: there is no user {name!r} yet: logging in with the link stores the name", file=sys.stderr
        )
    print(login_link(address, token))
    return 0


def _username(options: argparse.Namespace) -> str:
    return check_username(normalize_username(starter() if options.name is None else options.name))


def _audit(tx: Transaction, hub: JupyterHub, kind: str, user: str, **detail: object) -> None:
    if hub.audit_days:
        tx.audit.add([AuditEntry(at=utcnow(), kind=kind, user=user, detail={**detail, "by": _caller()})])


def _caller() -> str:
    try:
        return starter()
    except StartError:  # without a name, as in a container that runs as any number
        return str(os.getuid())


def _transact(hub: JupyterHub, work: Callable[[Transaction], T]) -> T:
    """Run a transaction in the database of a hub, which has to exist."""
    require_schema(hub.db_url, hub.db_kwargs)
    database = Database(hub.db_url, hub.db_kwargs)
    try:
        return database.run(lambda connection: work(StoredTransaction(connection)))
    finally:
        database.close()
