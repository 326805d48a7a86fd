"""What is wrong with a setting is said with its name and what to do about it."""

from __future__ import annotations

from typing import Any

import pytest

from plughub.app.config import JupyterHub
from plughub.app.declared import declared_of, scopes_of
from plughub.app.plugins import Selection
from plughub.domain.errors import StartError
from plughub.domain.scopes import ScopeTree
from plughub.plugin.manager import ActivePlugins
from plughub.storage.schema import schema_state


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("load_roles", [{"name": "teacher", "scopes": ["no:such:scope"]}], "no:such:scope"),
        ("load_roles", [{"name": "teacher", "scope": []}], "unknown keys: scope"),
        ("load_groups", {"staff": "bob"}, "must be a list of names"),
        ("services", [{"name": "culler", "comand": ["x"]}], "'comand'"),
        ("services", [{"name": "culler", "command": ["x"], "user": "nobody-at-all"}], "no system user"),
        ("extra_user_scopes", {"no:such:scope"}, "no:such:scope"),
        ("custom_scopes", {"mine": {"description": "all of it"}}, "custom:"),
    ],
)
def test_a_wrong_role_group_service_or_scope_is_said_with_its_setting(
    setting: str, value: Any, said: str
) -> None:
    hub = JupyterHub(**{setting: value})
    with pytest.raises(StartError) as refused:
        declared_of(hub, Selection(ActivePlugins()), scopes_of(hub), "/")
    assert refused.value.message.startswith(f"c.JupyterHub.{setting}: ")
    assert said in refused.value.message


def test_what_is_right_is_taken() -> None:
    hub = JupyterHub(load_groups={"staff": ["bob"]})
    declared = declared_of(hub, Selection(ActivePlugins()), ScopeTree(), "/")
    assert [group.name for group in declared.groups] == ["staff"]


def test_a_database_without_a_driver_is_told_which_ones_are_tested() -> None:
    with pytest.raises(StartError) as refused:
        schema_state("mysql://hub@127.0.0.1/hub")
    assert "driver" in refused.value.message
    assert "postgresql://" in refused.value.hint
    assert "plughub[postgresql]" not in refused.value.hint
