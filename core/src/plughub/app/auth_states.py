"""Encrypted store of auth states, opened with the configured keys."""

from __future__ import annotations

from collections.abc import Mapping

from traitlets import TraitError
from traitlets.config import Config

from plughub.app.config_files import bad_value
from plughub.classes.crypt_keeper import CryptKeeper, NoKeyError
from plughub.domain.errors import StartError
from plughub.services.secrets.auth_states import AuthStates
from plughub.services.settings import LoginPolicy
from plughub.storage.store import Store


def read_keys(config: Config) -> CryptKeeper:
    """Read the encryption keys.

    Raises:
        StartError: a key is invalid.
    """
    try:
        crypt = CryptKeeper(config=config)
        _ = crypt.keys  # validates them
    except NoKeyError as error:
        raise StartError(str(error)) from error
    except TraitError as error:
        raise bad_value(error) from error
    return crypt


def check_keys(config: Config, policies: Mapping[str, LoginPolicy]) -> CryptKeeper:
    """Read the encryption keys, and check that there is one if it is needed.

    Args:
        config: the whole configuration.
        policies: the login policies, by authenticator.

    Raises:
        StartError: a key is invalid, or auth states are enabled without a key.
    """
    crypt = read_keys(config)
    enabled_for = [name or "Authenticator" for name, policy in policies.items() if policy.enable_auth_state]
    if enabled_for and not crypt.keys:
        raise StartError(
            f"enable_auth_state is set ({', '.join(enabled_for)}), but there is no key to encrypt with",
            hint="set JUPYTERHUB_CRYPT_KEY or c.CryptKeeper.keys to the output of `openssl rand -hex 32`",
        )
    return crypt


def open_auth_states(config: Config, store: Store, policies: Mapping[str, LoginPolicy]) -> AuthStates:
    """Create the encrypted store of auth states.

    Raises:
        StartError: a key is invalid, or auth states are enabled without a key.
    """
    crypt = check_keys(config, policies)
    return AuthStates(store, crypt.keys, crypt.n_threads)
