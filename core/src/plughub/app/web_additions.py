"""What plugins and the config file add to the web application: pages, folders and login methods."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plughub.domain.errors import StartError
from plughub.kinds import LoginMethod, Page
from plughub.plugin.hook_calls import HookCaller
from plughub.web.plugin_pages import PluginPage, check_pages, with_login_pages

PATH: Final = (str, os.PathLike)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAdditions:
    """Additions to the web application.

    Attributes:
        pages: pages of plugins, then those of the config file.
        login_methods: login methods by authenticator.
        template_folders: folders with templates.
        static_folders: folders with static files.
    """

    pages: tuple[PluginPage, ...]
    login_methods: Mapping[str, LoginMethod]
    template_folders: tuple[Path, ...]
    static_folders: tuple[Path, ...]


def web_additions(caller: HookCaller, extra: Iterable[Page] = ()) -> WebAdditions:
    """Ask the plugins for their additions, and check them.

    Args:
        caller: calls the configured plugins.
        extra: pages of the config file.

    Raises:
        StartError: a plugin failed or registered something invalid.
    """
    pages = read_pages(caller, extra)
    return WebAdditions(
        pages=pages,
        login_methods=with_login_pages(read_login_methods(caller), pages),
        template_folders=read_folders(caller, "hub_register_templates"),
        static_folders=read_folders(caller, "hub_register_static"),
    )


def read_pages(caller: HookCaller, extra: Iterable[Page] = ()) -> tuple[PluginPage, ...]:
    """Return the pages of plugins, then those of the config file.

    Raises:
        StartError: a page could never be opened.
    """
    answers = caller.register("hub_register_pages", each=Page)
    of_plugins = [PluginPage(answer.plugin, page) for answer in answers for page in answer.value]
    pages = (*of_plugins, *(PluginPage("", page) for page in extra))
    check_pages(pages)
    return pages


def read_folders(caller: HookCaller, hook: str) -> tuple[Path, ...]:
    """Return the folders that plugins register; a mistake must not publish other files of the machine.

    Raises:
        StartError: a folder does not exist, or is the root folder.
    """
    found = []
    for answer in caller.register(hook, each=PATH):
        for folder in map(Path, answer.value):
            if not folder.is_absolute() or not folder.is_dir() or folder.resolve() == Path(folder.anchor):
                raise StartError(
                    f"plugin {answer.plugin!r} failed in {hook}: {str(folder)!r} is not the absolute path of "
                    "an existing folder below the root folder",
                    plugin=answer.plugin,
                )
            found.append(folder)
    return tuple(found)


def read_login_methods(caller: HookCaller) -> dict[str, LoginMethod]:
    """Return the login methods by authenticator, in order."""
    methods = {name: LoginMethod() for name in caller.plugins.owners("authenticator")}
    answers = caller.register("hub_login_method", expected=LoginMethod)
    return methods | {answer.plugin: answer.value for answer in answers if answer.plugin in methods}
