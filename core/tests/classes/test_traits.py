from __future__ import annotations

import os

import pytest
import traitlets
from hypothesis import given
from hypothesis import strategies as st
from traitlets.config import Config, Configurable

from plughub.traitlets import ByteSpecification, Callable, Command, EntryPointType, URLPrefix


class Base: ...


class Subclass(Base): ...


class Settings(Configurable):
    cmd = Command(["jupyterhub-singleuser"], help="command").tag(config=True)
    split = Command("bash -l -c 'a b'").tag(config=True)
    empty = Command(minlen=0).tag(config=True)
    prefix = URLPrefix("/").tag(config=True)
    memory = ByteSpecification(0).tag(config=True)
    limit = ByteSpecification(None, allow_none=True).tag(config=True)
    hook = Callable(None, allow_none=True).tag(config=True)
    backend = EntryPointType("plughub.test", default_value=Subclass, klass=Base).tag(config=True)


def settings(**values: object) -> Settings:
    return Settings(config=Config({"Settings": values}))


def test_a_command_is_a_list_of_texts() -> None:
    assert settings().cmd == ["jupyterhub-singleuser"]
    assert settings(cmd=["a", "b c"]).cmd == ["a", "b c"]
    assert settings(cmd=("a", "b")).cmd == ["a", "b"]


def test_a_command_in_one_text_is_split_like_a_shell_would() -> None:
    assert settings(cmd="jupyter-labhub --debug 'a b'").cmd == ["jupyter-labhub", "--debug", "a b"]
    assert settings().split == ["bash", "-l", "-c", "a b"]


def test_two_objects_do_not_share_a_default_command() -> None:
    one, other = settings(), settings()
    one.cmd.append("--debug")
    assert other.cmd == ["jupyterhub-singleuser"]


def test_a_command_that_the_config_extends_is_extended() -> None:
    config = Config()
    config.Settings.cmd.append("--debug")
    assert Settings(config=config).cmd == ["jupyterhub-singleuser", "--debug"]


@pytest.mark.parametrize("value", [[], "", [1], 5, None, "a 'b", {"a": 1}])
def test_an_invalid_command_is_refused_with_advice(value: object) -> None:
    with pytest.raises(traitlets.TraitError, match="cmd"):
        settings(cmd=value)


@pytest.mark.parametrize(
    ("value", "path"),
    [("", "/"), ("/", "/"), ("//", "/"), ("hub", "/hub/"), ("/a/b", "/a/b/"), ("/hub/", "/hub/")],
)
def test_a_prefix_begins_and_ends_with_a_slash(value: str, path: str) -> None:
    assert settings(prefix=value).prefix == path


@given(st.text("ab/", max_size=10))
def test_normalising_a_prefix_is_idempotent(value: str) -> None:
    path = settings(prefix=value).prefix
    assert path[0] == path[-1] == "/"
    assert settings(prefix=path).prefix == path


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        (1.5, 1),
        ("5", 5),
        ("2G", 2147483648),
        ("512M", 536870912),
        ("2048K", 2097152),
        ("1T", 1024**4),
        ("1g", 1024**3),
        ("1.5G", 1610612736),
        (" 2 G ", 2147483648),
        ("0", 0),
    ],
)
def test_a_size_is_a_number_of_bytes(value: object, number: int) -> None:
    assert settings(memory=value).memory == number


@given(st.integers(0, 2**60), st.sampled_from(["", "K", "M", "G", "T"]))
def test_every_whole_size_is_exact(number: int, unit: str) -> None:
    factor = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}[unit]
    assert settings(memory=f"{number}{unit}").memory == number * factor


@pytest.mark.parametrize(
    "value",
    [
        "",
        "G",
        "x",
        "2X",
        "2GB",
        "-1G",
        -5,
        "nanG",
        "infG",
        float("nan"),
        float("inf"),
        True,
        None,
        [],
        "1e9G5",
    ],
)
def test_an_invalid_size_is_refused_with_advice(value: object) -> None:
    with pytest.raises(traitlets.TraitError) as caught:
        settings(memory=value)
    assert (
        "is not a size for memory: use a number of bytes, or a number with one of the units K, M, G, T"
        in str(caught.value)
    )


def test_a_size_may_be_left_out_where_that_is_allowed() -> None:
    assert settings().limit is None
    assert settings(limit=None).limit is None


def test_something_to_call_may_be_given_or_named() -> None:
    assert settings(hook=len).hook is len
    assert settings(hook="os.path.join").hook is os.path.join


@pytest.mark.parametrize("value", [5, "os.sep"])
def test_a_value_that_is_not_callable_is_refused_with_advice(value: object) -> None:
    with pytest.raises(traitlets.TraitError, match="a callable, or the dotted name of one"):
        settings(hook=value)


@pytest.mark.parametrize("value", ["no_such_module.hook", "os.no_such_hook", "", "nodots"])
def test_a_callable_that_is_not_found_is_named(value: str) -> None:
    with pytest.raises(traitlets.TraitError, match=f"hook: '{value}' cannot be imported"):
        settings(hook=value)


@pytest.fixture
def entry_point(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "traits_example-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: traits-example\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[plughub.test]\nmine = traits_example:Mine\nwrong = os.path:join\nbroken = no_such_module:Thing\n"
    )
    (tmp_path / "traits_example.py").write_text("from collections import OrderedDict as Mine\n")
    monkeypatch.syspath_prepend(str(tmp_path))


class EntryPointSettings(Configurable):
    backend = EntryPointType("plughub.test", default_value=dict, klass=dict).tag(config=True)


def mapped(value: object) -> type:
    return EntryPointSettings(config=Config({"EntryPointSettings": {"backend": value}})).backend


@pytest.mark.usefixtures("entry_point")
@pytest.mark.parametrize("value", ["mine", "Mine", "collections.OrderedDict"])
def test_a_class_is_found_by_entry_point_or_dotted_name(value: str) -> None:
    assert mapped(value).__name__ == "OrderedDict"


def test_a_class_is_taken_as_it_is() -> None:
    assert settings(backend=Subclass).backend is Subclass


@pytest.mark.usefixtures("entry_point")
@pytest.mark.parametrize("value", ["wrong", int, "builtins.int", 5])
def test_a_class_of_another_type_is_refused(value: object) -> None:
    with pytest.raises(traitlets.TraitError, match="backend"):
        mapped(value)


@pytest.mark.usefixtures("entry_point")
def test_an_entry_point_that_is_broken_is_named_with_the_cause() -> None:
    with pytest.raises(traitlets.TraitError, match="backend: 'broken' cannot be imported: No module named"):
        mapped("broken")


@pytest.mark.usefixtures("entry_point")
def test_an_unknown_name_is_refused_with_the_known_names() -> None:
    with pytest.raises(traitlets.TraitError, match=r"unknown class 'mien'.*broken, mine, wrong"):
        mapped("mien")
