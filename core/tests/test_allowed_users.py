"""Users whom a configuration allows, for all authenticators."""

from __future__ import annotations

from typing import Any

import pytest
from traitlets.config import Config

from plughub import hookimpl
from plughub.app.config import JupyterHub
from plughub.app.declarations import declared_of
from plughub.app.plugins import PluginSelection
from plughub.app.service_settings import login_policies
from plughub.auth import Authenticator
from plughub.domain.scopes import ScopeTree
from plughub.kinds import Login
from plughub.plugin.manager import ActivePlugins


class FunctionAuthenticator:
    """Authenticator without a class."""

    @hookimpl
    def hub_authenticate(self, login: Login) -> None:
        """Authenticate no user."""


class PamAuthenticator(Authenticator):
    pass


class WebAuthenticator(Authenticator):
    pass


@pytest.fixture
def read():
    def read(**sections: dict[str, Any]) -> tuple[Any, Any]:
        config = Config({name: Config(settings) for name, settings in sections.items()})
        active = ActivePlugins()
        for name in ("pam", "web", "functions", "onetime"):
            active.add(name, FunctionAuthenticator())
        classes = {"pam": PamAuthenticator(config=config), "web": WebAuthenticator(config=config)}
        selection = PluginSelection(active, authenticators=classes)
        hub = JupyterHub(config=config)
        return declared_of(hub, selection, ScopeTree(), "/"), login_policies(hub, selection)

    return read


def test_allowed_users_of_all_authenticators_become_users(read):
    declared, policies = read(
        PamAuthenticator={"allowed_users": {"Ann"}}, Authenticator={"allowed_users": {"bob"}}
    )
    assert declared.allowed == {"ann", "bob"}
    assert {"ann", "bob"} <= declared.given_names
    assert policies["pam"].listed == {"ann"}
    assert policies["web"].listed == policies["functions"].listed == {"bob"}


def test_names_that_an_authenticator_maps_are_those_of_the_users(read):
    names = {"username_map": {"a@x": "ann"}, "allowed_users": {"A@x"}, "admin_users": {"a@x"}}
    declared, policies = read(PamAuthenticator=names)
    assert declared.allowed == {"ann"}
    assert declared.admins["pam"] == {"ann"}
    assert policies["pam"].listed == {"ann"}


def test_invalid_names_and_blocked_users_do_not_become_users(read, caplog):
    lists = {"allowed_users": {"ann", "bob", "x/y"}, "blocked_users": {"bob"}}
    assert read(PamAuthenticator=lists)[0].allowed == {"ann"}
    assert "c.PamAuthenticator.allowed_users" in caplog.text
    assert "x/y" in caplog.text


@pytest.mark.parametrize(
    ("setting", "admits"),
    [({}, True), ({"allow_existing_users": False}, False), ({"allow_all": False}, True)],
)
@pytest.mark.parametrize("section", ["PamAuthenticator", "Authenticator"])
def test_added_users_may_log_in_unless_a_setting_forbids_it(setting, admits, section):
    assert PamAuthenticator(config=Config({section: Config(setting)})).admits_added_users is admits
