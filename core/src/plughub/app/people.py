"""Putting together what has to do with people: their logins, secrets, roles and their deletion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from traitlets import TraitError
from traitlets.config import Config

from plughub.app.loading import bad_value
from plughub.app.plugins import Selection
from plughub.classes.crypt_keeper import CryptKeeper
from plughub.domain.errors import RETRY, InvalidError, PluginError, StartError, exit_code_of
from plughub.domain.scopes import ScopeTree
from plughub.plugin.hooks import Hooks
from plughub.services.observing.events import EventTeller
from plughub.services.people.auth_states import AuthStates
from plughub.services.people.deleting_users import UserDeletion
from plughub.services.people.identities import IdentityKeeper
from plughub.services.people.links import PLUGIN as ONETIME
from plughub.services.people.login import LoginService
from plughub.services.people.preparing_users import RollCall, UserPreparation
from plughub.services.people.refreshing import Refresher
from plughub.services.ports.store import Store
from plughub.services.processes.pulse import Pulse
from plughub.services.servers.cleaning_up import CleanUp
from plughub.services.servers.servers import ServerService
from plughub.services.settings import HubSettings, LoginPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What has to do with people.

    Attributes:
        logins: logs in and out.
        refresher: asks authenticators again.
        preparation: asks them about who is added.
        deletion: deletes users.
        roll_call: asks them about everybody, once.
    """

    logins: LoginService
    refresher: Refresher
    preparation: UserPreparation
    deletion: UserDeletion
    roll_call: RollCall


def open_auth_states(config: Config, store: Store, policies: Mapping[str, LoginPolicy]) -> AuthStates:
    """Get the keys for the saved secrets.

    Args:
        config: the whole configuration.
        store: the storage.
        policies: what the settings of each authenticator say.

    Returns:
        What seals and opens secrets.

    Raises:
        StartError: a key is not good, or secrets are to be saved and there is none.
    """
    try:
        keeper = CryptKeeper(config=config)
        keys, threads = keeper.keys, keeper.n_threads
    except TraitError as error:
        raise bad_value(error) from error
    wanting = [name or "Authenticator" for name, policy in policies.items() if policy.enable_auth_state]
    if wanting and not keys:
        raise StartError(
            f"enable_auth_state is set ({', '.join(wanting)}), but there is no key to encrypt with",
            hint="set JUPYTERHUB_CRYPT_KEY to what `openssl rand -hex 32` prints, or c.CryptKeeper.keys",
        )
    return AuthStates(store, keys, threads)


async def load_managed_roles(hooks: Hooks, store: Store, settings: HubSettings, tree: ScopeTree) -> None:
    """Have authenticators name the roles that they manage, and bring these to what they say.

    Args:
        hooks: the hooks.
        store: the storage.
        settings: of the hub.
        tree: the scopes of the hub.

    Raises:
        StartError: an authenticator failed, or a role is not good.
    """
    keeper = IdentityKeeper(settings, tree)
    reset = any(settings.policy_of(name).reset_managed_roles for name in settings.authenticators)
    try:
        named = [await hooks.managed_roles(name) for name in settings.authenticators]
        roles = [role for found in named for role in found]
        if roles or reset:
            await store.write(lambda tx: keeper.declare(tx, roles, reset=reset))
    except (PluginError, InvalidError) as error:
        raise StartError(
            f"the roles of an authenticator cannot be loaded: {error.message}",
            exit_code=exit_code_of(error.__cause__ or error, unsure=RETRY),
        ) from error


def build_people(
    store: Store,
    hooks: Hooks,
    settings: HubSettings,
    events: EventTeller,
    servers: ServerService,
    tree: ScopeTree,
    auth_states: AuthStates,
    clean_up: CleanUp,
    selection: Selection,
    pulse: Pulse,
) -> People:
    """Put it together.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: of the hub.
        events: news.
        servers: starts and stops.
        tree: the scopes of the hub.
        auth_states: the saved secrets.
        clean_up: what comes after a server that is forgotten.
        selection: the plugins.
        pulse: knows whether anything may have changed.

    Returns:
        All of it.
    """
    keeper = IdentityKeeper(settings, tree, frozenset({ONETIME}))
    preparation = UserPreparation(store, hooks, settings)
    deletion = UserDeletion(store, hooks, settings, servers, clean_up, pulse)
    rules = selection.authenticators
    return People(
        logins=LoginService(store, hooks, settings, events, keeper, auth_states),
        refresher=Refresher(store, hooks, settings, keeper, auth_states),
        preparation=preparation,
        deletion=deletion,
        roll_call=RollCall(
            store,
            settings,
            preparation,
            deletion,
            delete_invalid=frozenset(name for name, found in rules.items() if found.delete_invalid_users),
            blocked=frozenset(name for found in rules.values() for name in found.blocked_users),
        ),
    )
