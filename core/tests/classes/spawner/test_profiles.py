"""Profiles of spawner classes: their shape, and the settings that a chosen one changes."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest
from traitlets import List, Tuple, Unicode, default
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.classes.spawner.profiles import read_profiles
from plughub.domain.option_fields import read_fields
from plughub.kinds import SpawnFailed, UserInfo
from plughub.spawner import Spawner
from plughub.testing.contracts.spawner import make_server

IMAGE = {
    "display_name": "Image",
    "choices": {
        "base": {"display_name": "Base", "kubespawner_override": {"image": "base:1"}},
        "r": {"display_name": "R", "default": True, "kubespawner_override": {"image": "r:1", "cpu_limit": 3}},
    },
    "unlisted_choice": {
        "enabled": True,
        "display_name": "Other image",
        "validation_regex": "own/.+",
        "validation_message": "must begin with own/",
        "kubespawner_override": {"image": "registry/{value}", "environment": {"OWN": "{value}"}},
    },
}
HOURS = {"type": "integer", "minimum": 1, "maximum": 8, "default": 2, "override": {"http_timeout": "{value}"}}
PROFILES = [
    {"display_name": "Small", "description": "For exercises", "cpu_limit": 0.5, "mem_limit": "2G"},
    {
        "display_name": "Large one",
        "kubespawner_override": {"cpu_limit": 2, "environment": {"A": "1"}},
        "profile_options": {"image": IMAGE},
        "form": {"properties": {"hours": HOURS}},
        "groups": ["staff"],
    },
]


class RecordingSpawner(Spawner):
    """Records its settings at the start."""

    image = Unicode("none").tag(config=True)
    seen: ClassVar[dict] = {}

    async def start(self):
        names = ("user_options", "image", "cpu_limit", "mem_limit", "http_timeout", "environment", "profile")
        self.seen.clear()
        self.seen.update({name: getattr(self, name) for name in names})
        return "http://127.0.0.1:5000"

    async def poll(self): ...
    async def stop(self, now=False): ...


def hooks_of(profiles, cls=RecordingSpawner, **settings):
    return SpawnerHooks("recording", cls, Config({"Spawner": {"profiles": profiles, **settings}}))


async def started(options, profiles=PROFILES, groups=("staff",), **settings):
    user = UserInfo(name="alice", groups=groups)
    server = replace(make_server("alice", options=options), user=user)
    await hooks_of(profiles, **settings).hub_spawn(server)
    return dict(RecordingSpawner.seen)


async def test_the_shape_of_kubespawner_is_shown_with_our_additions() -> None:
    small, large = await hooks_of(PROFILES).hub_profiles(make_server("alice"))
    assert (small.slug, small.title, small.description) == ("small", "Small", "For exercises")
    assert (small.cpu_limit, small.memory_limit) == (0.5, 2 * 1024**3)
    assert (large.slug, large.groups, large.cpu_limit) == ("large-one", ("staff",), 2)
    image, hours = read_fields(large.options)
    assert [choice.title for choice in image.choices] == ["Base", "R"]
    assert (image.default, image.unlisted, hours.default) == ("r", "Other image", 2)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"cpu_limit": 0.5, "mem_limit": 2 * 1024**3, "image": "none", "profile": "small"}),
        ({"profile": "large-one"}, {"image": "r:1", "cpu_limit": 3, "http_timeout": 2}),
        ({"profile": "large-one", "image": "base"}, {"image": "base:1", "cpu_limit": 2}),
        ({"profile": "large-one", "image--unlisted-choice": "own/x"}, {"image": "registry/own/x"}),
        ({"profile": "large-one", "image": "own/x"}, {"environment": {"Z": "0", "A": "1", "OWN": "own/x"}}),
        ({"profile": "large-one", "hours": 5}, {"http_timeout": 5}),
    ],
)
async def test_the_chosen_profile_changes_the_settings_of_one_start(options, expected) -> None:
    seen = await started(options, environment={"Z": "0"})
    assert expected.items() <= seen.items()


@pytest.mark.parametrize(
    ("options", "groups", "message"),
    [
        ({"profile": "large-one"}, (), "not available any more"),
        ({"profile": "nothing"}, ("staff",), "not available any more"),
        ({"profile": 1}, ("staff",), "not available any more"),
        ({"profile": "large-one", "image": "evil"}, ("staff",), "must begin with own/"),
        ({"profile": "large-one", "image": "own/{username}"}, ("staff",), "must not contain braces"),
        ({"profile": "large-one", "hours": 9}, ("staff",), "must be at most 8"),
    ],
)
async def test_a_start_checks_the_choice_again(options, groups, message) -> None:
    with pytest.raises(SpawnFailed, match=message) as refusal:
        await started(options, groups=groups)
    assert refusal.value.status == 400


async def test_a_spawner_whose_profiles_are_all_for_groups_starts_nothing_for_others() -> None:
    with pytest.raises(SpawnFailed, match="there is no profile for this user"):
        await started({}, PROFILES[1:], groups=())


async def test_options_of_a_profile_are_not_those_of_the_spawner(caplog) -> None:
    settings = {"apply_user_options": {"size": "mem_limit"}}
    options = {"profile": "large-one", "hours": 3, "size": "1G"}
    assert (await started(options, **settings))["mem_limit"] == 1024**3
    assert "has no effect" not in caplog.text


async def test_options_that_a_profile_applies_mean_nothing_else_to_the_class() -> None:
    """JupyterHub's DockerSpawner, for one, takes an option ``image`` for the name of an image."""
    profile = {**PROFILES[1], "form": {"properties": {"hours": HOURS, "why": {"type": "string"}}}}
    options = {"profile": "large-one", "image": "base", "hours": 3, "why": "thesis", "own": 1}
    seen = await started(options, [profile])
    assert seen["user_options"] == {"profile": "large-one", "why": "thesis", "own": 1}


def test_time_limits_suffice_for_every_profile() -> None:
    choices = {"big": {"override": {"http_timeout": 400}}}
    profiles = [
        {"display_name": "A", "override": {"start_timeout": 600}},
        {"display_name": "B", "profile_options": {"size": {"choices": choices}}},
    ]
    info = hooks_of(profiles, start_timeout=70).hub_spawner_info()
    assert (info.start_timeout, info.http_timeout) == (600, 400)


async def test_profiles_may_be_a_function_of_the_spawner() -> None:
    async def profiles(spawner):
        return [{"display_name": f"For {spawner.user.name}", "slug": "own", "image": "own:1"}]

    assert (await started({"profile": "own"}, profiles))["image"] == "own:1"
    (own,) = await hooks_of(profiles).hub_profiles(make_server("alice"))
    assert own.title == "For alice"


def test_only_spawners_with_profiles_implement_the_hook() -> None:
    class WithDefault(RecordingSpawner):
        @default("profiles")
        def _profiles(self):
            return PROFILES

    class WithList(RecordingSpawner):
        profiles = PROFILES  # applied in load_user_options, as in a tutorial of JupyterHub

    class WithMethod(RecordingSpawner):
        def profiles(self):
            return PROFILES

    class OfAnotherKind(RecordingSpawner):
        profiles = List(Tuple()).tag(config=True)  # as ProfilesSpawner has

    for cls, config, expected in (
        (RecordingSpawner, None, False),
        (RecordingSpawner, Config({"RecordingSpawner": {"profiles": PROFILES}}), True),
        (WithDefault, None, True),
        (WithMethod, None, False),
        (WithList, Config({"WithList": {"profiles": PROFILES}}), False),
        (OfAnotherKind, Config({"OfAnotherKind": {"profiles": [("a",)]}}), False),
    ):
        assert hasattr(SpawnerHooks("x", cls, config), "hub_profiles") is expected, cls


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        ([{"display_name": "A", "colour": "red"}], r"Spawner.profiles\[0\]: unknown keys: colour"),
        ([("A", "a", "class", {})], r"Spawner.profiles\[0\]: must be a dictionary"),
        ([{"slug": "a"}], r"Spawner.profiles\[0\]: display_name is missing"),
        ([{"display_name": "A"}, {"display_name": "a"}], "two profiles have the slug a"),
        ([{"display_name": "A", "mem_limit": "much"}], "is not a size"),
        ([{"display_name": "A", "form": {"properties": {"x": {"type": "x"}}}}], "use one of the types"),
        ([{"display_name": "A", "override": {"colour": 1}}], "'a' in Spawner.profiles sets colour, which"),
        (
            [{"display_name": "A", "override": {"poll_interval": 1}}],
            "poll_interval, which are the same for all",
        ),
    ],
)
def test_an_invalid_profile_stops_the_start_of_the_hub(profiles, message) -> None:
    with pytest.raises(ValueError, match=message):
        hooks_of(profiles).hub_spawner_info()


def test_profiles_are_not_changed_by_reading_them() -> None:
    before = repr(PROFILES)
    read_profiles(PROFILES)
    assert repr(PROFILES) == before
