"""Reference pages of the documentation site: each hook, the records, the REST API and the commands."""
# ruff: noqa: INP001 - a script, no package

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from generate import described_hook, entries, records, sections, titles

from plughub import hookspecs, kinds
from plughub.cli.main import main
from plughub.plugin.manager import HOOKS
from plughub.web.api.openapi import describe
from plughub.web.api_routes import CALLS

ROOT: Final = Path(__file__).resolve().parents[1]
WIDTH: Final = "100"
MODULES: Final = tuple(
    f"plughub.{name}"
    for name in (
        "spawner",
        "auth",
        "proxy",
        "handlers",
        "errors",
        "names",
        "processes",
        "threads",
        "tls",
        "utils",
    )
)


def pages() -> dict[str, str]:
    """Write all pages.

    Returns:
        Texts by path below ``docs``.
    """
    hooks = {f"reference/hooks/{name}.md": hook(name) for name in HOOKS}
    return hooks | {
        "reference/hooks.md": list_of_hooks(),
        "reference/records.md": list_of_records(),
        "reference/rest.md": rest(),
        "reference/commands.md": commands(),
        "reference/python.md": python_names(),
    }


# ---------------------------------------------------------------------------------------------- hooks


def list_of_hooks() -> str:
    """Return the page that lists all hooks in the order of the contract."""
    lines = [
        "# Hooks",
        "",
        "A plugin implements any of these. [Writing plugins](../plugins.md) explains how.",
    ]
    starting = titles()
    for name in HOOKS:
        if name in starting:
            lines += ["", f"## {starting[name]}", "", "| hook | |", "|---|---|"]
        lines.append(f"| [{name}](hooks/{name}.md) | {_first_sentence(getattr(hookspecs, name))} |")
    return "\n".join([*lines, "", *_toctree(f"hooks/{name}" for name in HOOKS)])


def hook(name: str) -> str:
    """Return the page of a hook.

    Args:
        name: of the hook.

    Returns:
        Its description and example, the records that it uses, and the plugins that implement it.
    """
    _, _, text = "\n".join(described_hook(name)).partition("\n")
    calling = HOOKS[name].calling.value
    text = text.replace(f"*{calling}", f"*[{calling}](../../plugins.md#how-hooks-are-called)", 1)
    lines = [f"# {name}", linked(text, name)]
    if used := records_of(name):
        links = ", ".join(f"[{record}](../records.md#{record.lower()})" for record in used)
        lines += ["## Records", "", f"{links}.", ""]
    if found := implementations(name):
        lines += ["## Implementations to read", "", *(f"- [{path}](../../../{path})" for path in found), ""]
    return "\n".join(lines)


def linked(text: str, own: str) -> str:
    """Let names of hooks and records in the text lead to their pages.

    Args:
        text: of the page of a hook.
        own: name of the hook, which is not linked.

    Returns:
        The text; blocks of code are unchanged.
    """

    def link(found: re.Match[str]) -> str:
        name = found[1]
        if name in HOOKS and name != own:
            return f"[`{name}`]({name}.md)"
        return f"[`{name}`](../records.md#{name.lower()})" if name in kinds.__all__ else found[0]

    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else re.sub(r"`(\w+)`", link, part) for part in parts)


def records_of(name: str) -> list[str]:
    """Return the names of the records in the signature of a hook."""
    annotations = getattr(hookspecs, name).__annotations__.values()
    words = set(re.findall(r"\w+", " ".join(map(str, annotations))))
    return sorted(words & set(kinds.__all__))


def implementations(name: str) -> list[str]:
    """Return the files of plugins and examples that define a hook as a function."""
    sources = [*ROOT.glob("plugins/*/src/**/*.py"), *ROOT.glob("examples/**/*.py")]
    return sorted(str(file.relative_to(ROOT)) for file in sources if _defines(file, name))


def _defines(file: Path, name: str) -> bool:
    text = file.read_text()
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return f"def {name}(" in text and any(
        isinstance(node, functions) and node.name == name for node in ast.parse(text).body
    )


def _first_sentence(thing: object) -> str:
    paragraph = (inspect.getdoc(thing) or "").partition("\n\n")[0]
    text = " ".join(paragraph.split()).replace("``", "`")
    return text.partition(". ")[0].removesuffix(".") + "."


# -------------------------------------------------------------------------------------------- records


def list_of_records() -> str:
    """Return the page of all records, with the hooks that use each."""
    users: dict[str, list[str]] = {}
    for name in HOOKS:
        for record in records_of(name):
            users.setdefault(record, []).append(f"[{name}](hooks/{name}.md)")
    lines = ["# Records", "", "Hooks take and return these frozen dataclasses of `plughub.kinds`.", ""]
    for line in records():
        lines.append(re.sub(r"^#### ", "## ", line))
        if title := re.match(r"#### (\w+)", line):
            used = users.get(title[1])
            lines += [f"Used by {', '.join(used)}.\n"] if used else []
    return "\n".join(lines)


# --------------------------------------------------------------------------------------------- Python


def python_names() -> str:
    """Return the page of the public modules: what an author of plugins imports beside the records."""
    lines = ["# Python", "", "Public names of the core. Plugins import nothing else of it."]
    for module in map(importlib.import_module, MODULES):
        lines += ["", f"## {module.__name__}", "", _paragraph(module), ""]
        for name in sorted(module.__all__):
            if name not in kinds.__all__ and callable(thing := getattr(module, name, None)):
                lines += [f"### {module.__name__.rpartition('.')[2]}.{name}", "", *_described(name, thing)]
    return "\n".join(lines) + "\n"


def _described(name: str, thing: Callable[..., Any]) -> Iterator[str]:
    if not inspect.isclass(thing):
        yield f"```python\n{_signature(name, thing)}\n```\n"
    yield f"{_paragraph(thing)}\n"
    yield from _arguments(thing)
    for method, function in sorted(vars(thing).items()) if inspect.isclass(thing) else ():
        if inspect.isfunction(function) and not method.startswith("_"):
            yield f"- `{_signature(method, function)}`: {_paragraph(function)}"
    yield ""


def _signature(name: str, thing: Callable[..., Any]) -> str:
    begin = "async def" if inspect.iscoroutinefunction(thing) else "def"
    signature = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(thing)))  # annotations are texts
    return re.sub(r" at 0x\w+", "", f"{begin} {name}{signature}")


def _arguments(thing: object) -> Iterator[str]:
    _, parts = sections(thing)
    for name, text in entries(parts.get("Args", "")):
        yield f"- `{name}`: {text}"
    for title in ("Returns", "Raises"):
        if told := parts.get(title):
            yield f"- **{title}**: {' '.join(told.split()).replace('``', '`')}"
    yield ""


def _paragraph(thing: object) -> str:
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split()).replace("``", "`")


# ----------------------------------------------------------------------------------------------- REST


def rest() -> str:
    """Return the page of the REST API, from the OpenAPI document of the hub."""
    document = describe(CALLS, "/hub/api")
    lines = [
        "# REST API",
        "",
        "All paths are below `/hub/api`. Send a token in the header `Authorization: token …`.",
        "Its scopes decide what a call may do.",
        "A running hub serves this description for programs at `/hub/api/openapi.json`.",
    ]
    for part, paths in groupby(sorted(document["paths"]), key=lambda path: path.split("/")[1]):
        lines += ["", f"## {part or 'hub'}"]
        for path in paths:
            for method, operation in document["paths"][path].items():
                lines += ["", *_call(method, path, operation)]
    return "\n".join(lines) + "\n"


def _call(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {method.upper()} {path}\n\n{operation['summary'].replace('``', '`')}\n"
    scopes = ", ".join(f"`{scope}`" for scope in operation["x-scopes"])
    yield f"- **Scopes**: {scopes}" if scopes else f"- **Scopes**: {_without_scopes(operation)}"
    queries = [given for given in operation["parameters"] if given["in"] == "query"]
    if queries:
        yield f"- **Query**: {_fields({given['name']: given['schema'] for given in queries})}"
    if body := operation.get("requestBody"):
        fields = body["content"]["application/json"]["schema"]["properties"]
        yield f"- **Body**: {_fields(fields) or 'a JSON object'}"
    yield f"- **Statuses**: {', '.join(sorted(operation['responses']))}"


def _without_scopes(operation: Mapping[str, Any]) -> str:
    return "none, and no login" if operation.get("security") == [] else "those of what is read or changed"


def _fields(schemas: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(f"`{name}` ({schema['type']})" for name, schema in schemas.items())


# ------------------------------------------------------------------------------------------- commands


def commands() -> str:
    """Return the page of the command line: the help of ``hub`` and of each of its commands."""
    lines = ["# Commands", ""]
    for words in _all_commands(()):
        title = " ".join(("hub", *words))
        lines += [f"## {title}", "", "```text", _help_of(words), "```", ""]
    return "\n".join(lines)


def _all_commands(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield words
    _, _, listed = _help_of(words).partition("\ncommands:\n")
    for name in re.findall(r"^    ([a-z][\w-]*)(?:  |$)", listed.partition("\n\n")[0], re.MULTILINE):
        yield from _all_commands((*words, name))


def _help_of(words: tuple[str, ...]) -> str:
    printed = io.StringIO()
    os.environ["COLUMNS"] = WIDTH
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([*words, "--help"])
    return printed.getvalue().strip()


def _toctree(entries: Iterable[str]) -> list[str]:
    return ["```{toctree}", ":hidden:", "", *entries, "```", ""]
