"""Build the documentation site in ``build/docs`` and serve it.

- ``python3 dev.py docs``: build the site and serve it at http://127.0.0.1:8090/ (``--port`` changes the port)
- ``python3 dev.py docs --check``: build it only; every warning is an error

The pages are the files in ``docs``, in the order of ``docs/index.md``, and the reference that
``docs/reference_pages.py`` writes from the code.
"""
# ruff: noqa: INP001 - a script, no package

from __future__ import annotations

import argparse
import functools
import http.server
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from generate import ENVIRONMENT
from reference_pages import pages
from sphinx.cmd.build import main as sphinx

DOCS: Final = Path(__file__).resolve().parent
ROOT: Final = DOCS.parent
BUILD: Final = ROOT / "build" / "docs"
FOLDERS: Final = {"Tutorials": "tutorials", "How-to guides": "how-to"}
"""Folders whose pages belong to a section of the index, whether or not it links to them."""
OVERVIEWS: Final = ("administration.md",)
"""Pages that list the pages of the folder of the same name."""
GENERATED: Final = {
    "Reference": [
        "reference/hooks",
        "reference/records",
        "reference/python",
        "reference/rest",
        "reference/commands",
    ]
}
COPIED: Final = {".css", ".md", ".png", ".svg", ".json", ".yml", ".yaml", ".conf", ".service"}
LINK: Final = re.compile(r"(!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
CODE: Final = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def write_source(folder: Path) -> None:
    """Write what Sphinx reads: the pages of ``docs`` and those that the code describes.

    Args:
        folder: is replaced.
    """
    shutil.rmtree(folder, ignore_errors=True)
    texts = {str(file.relative_to(DOCS)): file.read_text() for file in sorted(DOCS.rglob("*.md"))}
    texts |= pages()
    for page in ("index.md", *OVERVIEWS):
        texts[page] += "\n" + "\n".join(contents(page, texts))
    for file in DOCS.rglob("*"):
        if file.suffix in COPIED - {".md"} and "__pycache__" not in file.parts:
            target = folder / file.relative_to(DOCS)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    shutil.copy(DOCS / "conf.py", folder)
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(with_source_links(text, Path(path).parent))


def contents(page: str, texts: Mapping[str, str]) -> Iterator[str]:
    """Write the tables of contents of the site, or of an overview.

    Args:
        page: the first page, or an overview: each section lists the pages that belong to it.
        texts: all pages, by path.

    Returns:
        Lines of Markdown, one hidden ``toctree`` for each section.
    """
    sections = re.split(r"^## (.+)$", texts[page], flags=re.MULTILINE)[1:]
    seen: set[str] = set()
    for title, text in zip(sections[::2], sections[1::2], strict=True):
        linked = [target.partition("#")[0] for _, _, target in LINK.findall(text)]
        below = [name for name in texts if name.startswith(FOLDERS.get(title, "-") + "/")]
        files = dict.fromkeys(name for name in [*linked, *below] if name in texts and parent(name) == page)
        entries = [
            *(name.removesuffix(".md") for name in files if name not in seen),
            *GENERATED.get(title, []),
        ]
        seen |= {*files}
        yield "\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *entries, "```", ""])


def parent(name: str) -> str:
    """Return the page whose table of contents lists a page.

    Args:
        name: path of the page.
    """
    return next((page for page in OVERVIEWS if name.startswith(page.removesuffix(".md") + "/")), "index.md")


def with_source_links(text: str, folder: Path) -> str:
    """Let links to files outside ``docs`` lead to the repository.

    Args:
        text: of a page.
        folder: of the page, below ``docs``.

    Returns:
        The page. Where the address of the repository is unknown, the text of such a link remains.
    """
    address = source_address()

    def replaced(found: re.Match[str]) -> str:
        path, _, anchor = found["target"].partition("#")
        place = Path(os.path.normpath(DOCS / folder / path)) if path else DOCS
        if re.match(r"[a-z]+:", path) or place.is_relative_to(DOCS):
            return found[0]
        url = f"{address}/{place.relative_to(ROOT)}" + (f"#{anchor}" if anchor else "")
        return f"[{found['text']}]({url})" if address else found["text"]

    parts = re.split(f"({CODE.pattern})", text, flags=CODE.flags)
    # The text of a link may contain code: it is replaced where the link begins outside of code.
    return "".join(LINK.sub(replaced, part) if not part.startswith("```") else part for part in parts)


@functools.cache
def source_address() -> str:
    """Return the address of the repository's files; empty if the metadata has none or a placeholder."""
    urls = tomllib.loads((ROOT / "core/pyproject.toml").read_text())["project"].get("urls", {})
    found = next((urls[name] for name in ("Source", "Repository") if name in urls), "")
    return f"{found.rstrip('/')}/blob/main" if found and "example.org" not in found else ""


def serve(folder: Path, port: int) -> None:
    """Serve the site until Ctrl-C.

    Args:
        folder: of the site.
        port: on 127.0.0.1.
    """
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        sys.stdout.write(f"docs: http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)\n")
        sys.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.stdout.write("\n")


def main(arguments: list[str]) -> int:
    """Build the site, and serve it unless it is only to be checked.

    Args:
        arguments: of the command line.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="dev.py docs", description="Build the documentation site.")
    parser.add_argument("--check", action="store_true", help="only build it; every warning is an error")
    parser.add_argument("--port", type=int, default=8090, help="on 127.0.0.1; 0 for a free one")
    parser.add_argument("--to", type=Path, default=BUILD, help="folder to build in")
    options = parser.parse_args(arguments)
    for name in [name for name in os.environ if name.startswith(ENVIRONMENT)]:
        del os.environ[name]  # some defaults stand in the environment
    source, target = options.to / "source", options.to / "html"
    write_source(source)
    strict = ["-W", "--keep-going", "-E"] if options.check else []
    code = sphinx(["-q", "-b", "html", "-d", str(options.to / "doctrees"), *strict, str(source), str(target)])
    if code == 0 and not options.check:
        serve(target, options.port)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
