"""Write the parts of these pages that the code knows: hooks, records, settings, what JupyterHub has.

``.venv/bin/python docs/generate.py`` rewrites the parts between the marks; with ``--check`` it only says
which pages are out of date, and ends with 1 when one is. Every plugin of this repository has to be installed.
"""
# ruff: noqa: INP001 - a script, no package

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final

import traitlets
from traitlets.config import Configurable

from plughub import hookspecs, kinds
from plughub.app.config import JupyterHub
from plughub.app.event_log import EventLog
from plughub.app.observability import PeriodicMetricsCollector
from plughub.auth import Authenticator, LocalAuthenticator
from plughub.classes.crypt_keeper import CryptKeeper
from plughub.classes.system_accounts import SystemAccounts
from plughub.plugin.manager import HOOKS
from plughub.proxy import Proxy
from plughub.spawner import Spawner
from plughub.traitlets import ByteSpecification, Command
from plughub.web.api.base import UnknownHandler
from plughub.web.api.calls import pattern_of
from plughub.web.api_routes import API
from plughub.web.page_routes import PAGES

DOCS: Final = Path(__file__).resolve().parent
ROOT: Final = DOCS.parent
SHOWN: Final = tomllib.loads((DOCS / "settings.toml").read_text())
UPSTREAM: Final = tomllib.loads((DOCS / "jupyterhub.toml").read_text())
CORE: Final = (
    JupyterHub,
    CryptKeeper,
    SystemAccounts,
    Authenticator,
    LocalAuthenticator,
    Spawner,
    Proxy,
    PeriodicMetricsCollector,
    EventLog,
)
KINDS: Final = ("spawner", "authenticator", "proxy")
ENVIRONMENT: Final = ("JPY_", "JUPYTERHUB_", "PLUGHUB_", "CONFIGPROXY_", "TMP", "TEMP")

# ---------------------------------------------------------------------------------------------- hooks


def hooks() -> Iterator[str]:
    """Describe every hook, in the order of the contract."""
    starting = titles()
    for name in HOOKS:
        if name in starting:
            yield f"### {starting[name]}\n"
        yield from described_hook(name)


def described_hook(name: str) -> Iterator[str]:
    """Describe one hook.

    Args:
        name: of the hook.

    Returns:
        Lines of Markdown, with a heading of level four.
    """
    terms, function = HOOKS[name], getattr(hookspecs, name)
    summary, parts = sections(function)
    awaited = terms.calling.value != "register"
    facts = [terms.calling.value]
    facts += [f"up to {terms.timeout:g} s"] if awaited else []
    facts += ["may be left out"] if terms.optional else []
    yield f"#### {name}\n\n```python\n{signature(function)}\n```\n\n*{', '.join(facts)}.* {summary}\n"
    example = parts.pop("Example", "")
    for title, text in parts.items():
        about = [(f"`{name}`", line) for name, line in entries(text)] if title == "Args" else []
        yield from (f"- {name}: {line}" for name, line in about or [(f"**{title}**", _one_line(text))])
    if example:
        code = re.sub(r"\n\n(?=@|class |(?:async )?def )", "\n\n\n", example)
        yield f"\n```python\n{code}\n```"
    yield ""


def signature(function: Callable[..., object]) -> str:
    """Write a function as its first line stands in the source.

    Args:
        function: with annotations that are texts.

    Returns:
        Such as ``async def hub_poll(server: Server) -> int | None``.
    """
    found = inspect.signature(function)
    arguments = ", ".join(f"{name}: {given.annotation}" for name, given in found.parameters.items())
    begin = "async def" if inspect.iscoroutinefunction(function) else "def"
    return f"{begin} {function.__name__}({arguments}) -> {found.return_annotation}"


def records() -> Iterator[str]:
    """Describe the records that go in and out of the hooks."""
    for name in sorted(kinds.__all__):
        record = getattr(kinds, name)
        summary, parts = sections(record)
        about = dict(entries(parts.get("Attributes", "") or parts.get("Args", "")))
        yield f"#### {name}\n\n{summary}\n"
        if issubclass(record, Enum):
            yield ", ".join(f"`{member.value}`" for member in record) + ".\n"
            continue
        given = inspect.signature(record).parameters
        yield "| field | type | |\n|---|---|---|"
        yield from (
            f"| `{field}` | `{_cell(given[field].annotation)}` | {_cell(text)} |"
            for field, text in about.items()
        )
        yield ""


def titles() -> dict[str, str]:
    """Find the hooks that begin a part of the contract.

    Returns:
        The title of the part by the name of its first hook.
    """
    source = inspect.getsource(hookspecs)
    found = re.findall(r"^# -{10,} ([^\n]+)$.*?^(?:async )?def (hub_\w+)", source, re.MULTILINE | re.DOTALL)
    return {hook: title[0].upper() + title[1:] for title, hook in found}


def sections(thing: object) -> tuple[str, dict[str, str]]:
    """Split a docstring.

    Args:
        thing: that has one.

    Returns:
        The text before the first section, and the sections by title.
    """
    first, *rest = re.split(r"^(\w+):$", inspect.getdoc(thing) or "", flags=re.MULTILINE)
    return _one_line(first), dict(zip(rest[::2], map(inspect.cleandoc, rest[1::2]), strict=True))


def _summary(thing: object) -> str:
    """Return the first paragraph of a docstring, without what concerns authors of subclasses."""
    return _one_line((inspect.getdoc(thing) or "").split("\n\n")[0])


def entries(text: str) -> Iterator[tuple[str, str]]:
    """Split a section such as ``Args``.

    Args:
        text: of the section.

    Returns:
        Names and descriptions.
    """
    for entry in re.split(r"\n(?=\w+: )", text) if text else ():
        name, _, about = entry.partition(": ")
        yield name, _one_line(about)


# ------------------------------------------------------------------------------------------- settings


def settings() -> Iterator[str]:
    """List the settings of all classes."""
    owners = documented()
    for cls, owner in owners.items():
        base = next((base for base in cls.__mro__[1:] if base in owners), None)
        about = f"Part of the plugin `{owner}`." if owner else "Part of the core."
        also = f" The settings of [{base.__name__}](#{base.__name__.lower()}) also apply." if base else ""
        yield f"## {cls.__name__}\n\n{_summary(cls)} {about}{also}\n"
        rows = list(_rows(cls, base))
        head = "| setting | type | default | | since | shown by |\n|---|---|---|---|---|---|"
        yield "\n".join([head, *rows]) if rows else "It has none of its own."
        yield ""


def documented() -> dict[type[Any], str]:
    """List the classes that have settings.

    Returns:
        The plugin of each class; an empty text for the core.
    """
    found: dict[type[Any], str] = dict.fromkeys(CORE, "")
    for file in sorted(ROOT.glob("plugins/*/pyproject.toml")):
        points = tomllib.loads(file.read_text())["project"]["entry-points"]["plughub"]
        for plugin, module in points.items():
            for cls in _classes_of(importlib.import_module(module)):
                found.setdefault(cls, plugin)
    return found


def _classes_of(plugin: Any) -> Iterator[type[Configurable]]:
    for kind in KINDS:
        if hasattr(plugin, f"hub_register_{kind}"):
            yield getattr(plugin, f"hub_register_{kind}")()
    if hasattr(plugin, "hub_register_configurables"):
        yield from plugin.hub_register_configurables()


def _rows(cls: type[Configurable], base: type[Configurable] | None) -> Iterator[str]:
    inherited = base.class_traits(config=True) if base else {}
    own, general = cls.__new__(cls), base.__new__(base) if base else None
    for name, trait in sorted(cls.class_traits(config=True).items()):
        default = _default(getattr(own, name))
        if inherited.get(name) is trait and default == _default(getattr(general, name)):
            continue
        facts = (f"`{name}`", type_of(trait), f"`{default}`", _one_line(trait.help))
        yield f"| {' | '.join(map(_cell, facts))} | {' | '.join(_origin(f'{cls.__name__}.{name}'))} |"


def _origin(setting: str) -> tuple[str, str]:
    """Return the version that introduced a setting, and a link to the test that shows its effect."""
    for version, tests in SHOWN.items():
        if test := tests.get(setting):
            path, *_, name = test.split("::")
            return version, f"[{name}](../{path})"
    raise KeyError(f"{setting}: add it to docs/settings.toml, with the test that shows its effect")


def type_of(trait: Any) -> str:
    """Describe in words the values that a setting accepts.

    Args:
        trait: the setting.

    Returns:
        Such as ``list of text``.
    """
    if isinstance(trait, traitlets.Union):
        words = " or ".join(type_of(one) for one in trait.trait_types)
    elif isinstance(trait, traitlets.Enum):
        words = "one of " + ", ".join(map(str, trait.values or ()))
    else:
        words = next(word for kind, word in _WORDS.items() if isinstance(trait, kind))
    inner = getattr(trait, "_trait", None)
    if isinstance(trait, traitlets.List | traitlets.Set) and inner and not isinstance(trait, Command):
        words += f" of {type_of(inner)}"
    return words + (" or None" if trait.allow_none and not isinstance(trait, traitlets.Any) else "")


_WORDS: Final[Mapping[type, str]] = {
    ByteSpecification: "size",
    Command: "command",
    traitlets.Bool: "yes or no",
    traitlets.Integer: "integer",
    traitlets.Float: "number",
    traitlets.Bytes: "bytes",
    traitlets.Unicode: "text",
    traitlets.Set: "set",
    traitlets.List: "list",
    traitlets.Dict: "dictionary",
    traitlets.Any: "anything",
    traitlets.TraitType: "function",
}


def _default(value: object) -> str:
    if callable(value):
        return getattr(value, "__name__", "a function")
    return repr(sorted(value)) if isinstance(value, set) and value else repr(value)


# --------------------------------------------------------------------------------------- JupyterHub's


def missing_settings() -> Iterator[str]:
    """List what JupyterHub has and this hub has not."""
    known = {cls.__name__: set(cls.class_trait_names(config=True)) for cls in documented()}
    yield "| class | missing here | accepted without effect |\n|---|---|---|"
    for cls, names in UPSTREAM["settings"].items():
        here = known.get(cls, set())
        idle = UPSTREAM["without_effect"].get(cls, [])
        missing = [name for name in names if name.rstrip("*") not in {*here, *idle}]
        shown = _code_list(missing) if here or not missing else f"the class: {_code_list(missing)}"
        if missing or idle:
            yield f"| `{cls}` | {shown or '–'} | {_code_list(idle) or '–'} |"


def endpoints() -> Iterator[str]:
    """Compare the REST API."""
    routes = [(pattern_of(path), handler) for path, handler in API]
    yield "| call | here | |\n|---|---|---|"
    for call in UPSTREAM["api"]:
        methods = [method for method in call["methods"] if answers(routes, "/api" + call["path"], method)]
        yield _compared(f"{' '.join(call['methods'])} `{call['path']}`", call, methods == call["methods"])


def pages() -> Iterator[str]:
    """Compare the pages."""
    yield "| page | here | |\n|---|---|---|"
    for page in UPSTREAM["pages"]:
        yield _compared(f"`/hub{page['path']}`", page, answers(PAGES, page["path"], "GET", "POST"))


def answers(routes: Sequence[tuple[str, type]], path: str, *methods: str) -> bool:
    """Return whether this hub answers at a path.

    Args:
        routes: regular expressions and handlers.
        path: below ``/hub``; ``:u`` and the like stand for one name.
        methods: of which it has to have one.

    Returns:
        Whether it does.
    """
    wanted = re.sub(r":\w", "name", path)
    for pattern, handler in routes:
        if re.fullmatch(pattern, wanted) and handler is not UnknownHandler:
            return any(method.lower() in _methods(handler) for method in methods)
    return False


def _methods(handler: type) -> set[str]:
    own = (base for base in handler.__mro__ if not base.__module__.startswith("tornado"))
    return {name for base in own for name in vars(base) if name in {"get", "post", "put", "patch", "delete"}}


def _compared(what: str, facts: Mapping[str, Any], there: bool) -> str:
    if not there:
        return f"| {what} | missing | |"
    word = "better" if "better" in facts else "other" if "note" in facts else "same"
    return f"| {what} | {word} | {facts.get('better', facts.get('note', ''))} |"


def _code_list(names: list[str]) -> str:
    return ", ".join(f"`{name.rstrip('*')}`" + ("\\*" if name.endswith("*") else "") for name in names)


# ---------------------------------------------------------------------------------------------- pages


def _one_line(text: str) -> str:
    return re.sub(r"`+", "`", " ".join(text.split()))


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|")


PARTS: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "hooks": hooks,
    "records": records,
    "settings": settings,
    "missing settings": missing_settings,
    "endpoints": endpoints,
    "pages": pages,
}


def generated(text: str) -> str:
    """Rewrite the generated parts of a page.

    Args:
        text: the page, with ``<!-- generated: NAME -->`` and ``<!-- end -->`` around each part.

    Returns:
        The page as it should be.
    """

    def fresh(found: re.Match[str]) -> str:
        lines = "\n".join(PARTS[found["name"]]()).strip()
        return f"<!-- generated: {found['name']} -->\n\n{lines}\n\n<!-- end -->"

    return re.sub(r"<!-- generated: (?P<name>[\w ]+) -->\n.*?<!-- end -->", fresh, text, flags=re.DOTALL)


def main(arguments: list[str]) -> int:
    """Write all pages, or say which are out of date.

    Args:
        arguments: ``--check`` or nothing.

    Returns:
        The exit code.
    """
    for name in [name for name in os.environ if name.startswith(ENVIRONMENT)]:
        del os.environ[name]  # some defaults stand in the environment
    stale = []
    for page in sorted(DOCS.glob("*.md")):
        before = page.read_text()
        after = generated(before)
        if before != after:
            stale.append(page.name)
            if "--check" in arguments:
                lines = difflib.unified_diff(
                    before.splitlines(), after.splitlines(), page.name, "as it should be"
                )
                sys.stdout.write("\n".join(lines) + "\n")
            else:
                page.write_text(after)
    if stale and "--check" in arguments:
        sys.stdout.write(f"out of date: {', '.join(stale)}; run: .venv/bin/python docs/generate.py\n")
        return 1
    sys.stdout.write(f"written: {', '.join(stale) or 'nothing had to be'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
