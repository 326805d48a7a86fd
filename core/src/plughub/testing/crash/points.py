"""A plugin for tests that kills its own hub at a given step, or notes the steps that it passes.

The file that ``PLUGHUB_TESTING_CRASH`` names arms it: ``record`` in it has the steps written to the file with
``.steps`` at the end of its name; anything else is the step at which the hub is killed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import pluggy

from plughub import hookimpl
from plughub.kinds import HubContext
from plughub.plugin.calling import HookCaller
from plughub.plugin.manager import owner_of
from plughub.services.ports import Transaction
from plughub.storage.store import SQLStore

T = TypeVar("T")
VARIABLE: Final = "PLUGHUB_TESTING_CRASH"
RECORD: Final = "record"
LOOKS: Final = frozenset(
    {
        "hub_check_token",
        "hub_event",
        "hub_inventory",
        "hub_logs",
        "hub_poll",
        "hub_proxy_poll",
        "hub_routes",
    }
)
"""Hooks that only look: they change nothing, so dying in them is no step."""
BACKGROUND: Final = ("Membership.", "Runner._renew", "Poller._is_mine", "ActivityService.flush")
"""Commits that go on whether anything is done or not."""


@hookimpl
def hub_configure(context: HubContext) -> None:  # noqa: ARG001 - the contract
    """Watch the commits and the hook calls of this process."""
    if VARIABLE in os.environ:
        _watch(Path(os.environ[VARIABLE]))


def _watch(file: Path) -> None:
    write, call = SQLStore.write, HookCaller._call  # noqa: SLF001 - nothing in the product knows of this

    async def watched_write(self: SQLStore, work: Callable[[Transaction], T]) -> T:
        answer = await write(self, work)
        _reached(file, f"commit {_name_of(work)}")
        return answer

    async def watched_call(
        self: HookCaller, impl: pluggy.HookImpl, hook: str, arguments: dict[str, object], *more: Any
    ) -> Any:
        if hook in LOOKS:
            return await call(self, impl, hook, arguments, *more)
        _reached(file, f"before {owner_of(impl)} {hook}")
        answer = await call(self, impl, hook, arguments, *more)
        _reached(file, f"after {owner_of(impl)} {hook}")
        return answer

    SQLStore.write = watched_write  # type: ignore[method-assign]
    HookCaller._call = watched_call  # type: ignore[method-assign,assignment]  # noqa: SLF001 - see above


def _name_of(work: Callable[..., object]) -> str:
    name = getattr(work, "__qualname__", type(work).__qualname__).replace(".<locals>", "")
    # The phase that is written down says more than the function that writes all of them.
    cells = dict(zip(work.__code__.co_freevars, work.__closure__ or (), strict=False)) if _plain(work) else {}
    inner = [str(cell.cell_contents) for key, cell in cells.items() if key == "phase"]
    return " ".join([name, *inner])


def _plain(work: Callable[..., object]) -> bool:
    return hasattr(work, "__code__")


def _reached(file: Path, step: str) -> None:
    try:
        order = file.read_text()
    except FileNotFoundError:
        return
    if step.removeprefix("commit ").startswith(BACKGROUND):
        return
    if order == RECORD:
        with file.with_name(file.name + ".steps").open("a") as steps:
            steps.write(step + "\n")
    elif order == step:
        file.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
