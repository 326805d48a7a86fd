"""A plugin for tests that kills its own hub at a given step, or records the steps that the hub passes.

The file that ``PLUGHUB_TESTING_CRASH`` names holds the order:

- ``record`` writes the steps to the file of the same name with ``.steps`` appended.
- ``in 7`` kills the hub at the seventh step from then on; ``in 7, again`` is a new order.
- ``stop at`` and a step stops the process there until it receives SIGCONT.
- Any other text is the step at which the hub is killed.

The file with ``.meddle`` appended lists routes to change without the hub's knowledge.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import pluggy

from plughub import hookimpl
from plughub.domain.routes import Route
from plughub.kinds import HubContext
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.manager import owner_of
from plughub.storage.store import Store, Transaction

T = TypeVar("T")
PLUGIN: Final = "crashpoints"
VARIABLE: Final = "PLUGHUB_TESTING_CRASH"
RECORD: Final = "record"
SLEEP: Final = "stop at "
COUNTED: Final = re.compile(r"in (\d+)(, .*)?")
LOOKS: Final = frozenset(
    {
        "hub_check_spawner",
        "hub_check_token",
        "hub_event",
        "hub_inventory",
        "hub_logs",
        "hub_poll",
        "hub_profiles",
        "hub_proxy_poll",
        "hub_routes",
        "hub_usage",
        "hub_verify_address",
    }
)
"""Hooks that change nothing, so a crash in them is not a step."""
BACKGROUND: Final = (
    "HubRegistry.",
    "Leadership.",
    "UnrunnableOperations.",
    "Runner._renew",
    "Poller._is_mine",
    "ActivityService.flush",
    "AuditTrail._flush",
    "ManagedServices._read_state",
    "ServiceChecks._is_mine",
    "UserDeletion.run_once",
)
"""Periodic commits that belong to no action."""
_passed: list[str] = []
"""The counting order, once for each step passed since it was given."""
NOWHERE: Final = "http://127.0.0.1:9"
"""Target of a redirected route."""


@hookimpl
def hub_configure(context: HubContext) -> None:  # noqa: ARG001 - the contract
    """Intercept commits, hook calls, process starts, signals and requests of this process."""
    if VARIABLE in os.environ:
        file = Path(os.environ[VARIABLE])
        _watch_commits(file)
        _watch_hooks(file)
        _watch_processes(file)
        _watch_signals(file)
        _watch_requests(file)


def _watch_commits(file: Path) -> None:
    write = Store.write

    async def watched(self: Store, work: Callable[[Transaction], T]) -> T:
        answer = await write(self, work)
        _reached(file, f"commit {_name_of(work)}")
        return answer

    Store.write = watched  # type: ignore[method-assign]


def _watch_hooks(file: Path) -> None:
    call = HookCaller._call  # noqa: SLF001 - the core has no interface for this

    async def watched(
        self: HookCaller,
        impl: pluggy.HookImpl,
        hook: str,
        arguments: dict[str, object],
        *more: Any,
        **options: Any,
    ) -> Any:
        if hook == "hub_routes":
            await _meddle(file, impl)
        if hook in LOOKS:
            return await call(self, impl, hook, arguments, *more, **options)
        _reached(file, f"before {owner_of(impl)} {hook}")
        answer = await call(self, impl, hook, arguments, *more, **options)
        _reached(file, f"after {owner_of(impl)} {hook}")
        return answer

    HookCaller._call = watched  # type: ignore[method-assign]  # noqa: SLF001 - see above


def _watch_processes(file: Path) -> None:
    """Add a step after each process start: the hub may die before it has recorded the process."""
    begin = subprocess.Popen.__init__

    def watched(self: subprocess.Popen[Any], args: Any, *more: Any, **options: Any) -> None:
        begin(self, args, *more, **options)
        first = args if isinstance(args, str | bytes | os.PathLike) else args[0]
        _reached(file, f"process {Path(os.fsdecode(first)).name} began")

    subprocess.Popen.__init__ = watched  # type: ignore[method-assign]


def _watch_signals(file: Path) -> None:
    """Add a step after each signal to another process."""
    kill = os.kill

    def watched(pid: int, number: int) -> None:
        kill(pid, number)
        if number and pid != os.getpid():
            _reached(file, f"signal {signal.Signals(number).name} sent")

    os.kill = watched


def _watch_requests(file: Path) -> None:
    """Add a step after each changing request to an engine or a cluster."""
    put, get = http.client.HTTPConnection.putrequest, http.client.HTTPConnection.getresponse
    asked: dict[http.client.HTTPConnection, str] = {}

    def watched_put(
        self: http.client.HTTPConnection, method: str, url: str, *more: Any, **options: Any
    ) -> None:
        asked[self] = f"{method} {plain_path(url)}"
        put(self, method, url, *more, **options)

    def watched_get(self: http.client.HTTPConnection, *more: Any, **options: Any) -> http.client.HTTPResponse:
        answer = get(self, *more, **options)
        request = asked.pop(self, "")
        if not request.startswith(("GET ", "HEAD ")):
            _reached(file, f"answer {request}")
        return answer

    http.client.HTTPConnection.putrequest = watched_put  # type: ignore[method-assign]
    http.client.HTTPConnection.getresponse = watched_get  # type: ignore[method-assign]


def plain_path(url: str) -> str:
    """Return the path of a request without what differs between servers.

    Args:
        url: of the request, with ids in it.

    Returns:
        The path with stars for the ids, without a version and a query.
    """
    path = url.partition("?")[0]
    return re.sub(r"(?<=/)[0-9a-f]{12,}(?=/|$)", "*", re.sub(r"^/v[\d.]+(?=/)", "", path))


async def _meddle(file: Path, impl: pluggy.HookImpl) -> None:
    """Change routes in the proxy without the route reconciler's knowledge."""
    orders = _beside(file, ".meddle")
    with contextlib.suppress(FileNotFoundError):
        wanted = json.loads(orders.read_text())
        orders.unlink()
        proxy: Any = impl.plugin
        for action, spec in wanted:
            if action == "lose":
                await proxy.hub_route_delete(spec, {})
            else:
                await proxy.hub_route_add(Route(routespec=spec, target=NOWHERE))


def armed_by(file: Path, site: Path) -> dict[str, str]:
    """Register this plugin as if it were installed.

    Args:
        file: holds the order.
        site: folder for the distribution's metadata.

    Returns:
        The environment of a hub that uses it.
    """
    about = site / f"plughub_{PLUGIN}-0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    facts = {"Metadata-Version": "2.1", "Name": f"plughub-{PLUGIN}", "Version": "0"}
    (about / "METADATA").write_text("".join(f"{name}: {value}\n" for name, value in facts.items()))
    (about / "entry_points.txt").write_text(f"[plughub]\n{PLUGIN} = {__name__}\n")
    paths = [str(site), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {VARIABLE: str(file), "PYTHONPATH": os.pathsep.join(paths)}


def meddle(file: Path, *orders: tuple[str, str]) -> None:
    """Change routes in the proxy right before the hub next reads them.

    Args:
        file: holds the order.
        orders: ``lose`` or ``redirect``, and the routespec.
    """
    _beside(file, ".meddle").write_text(json.dumps(orders))


def steps_noted(file: Path) -> list[str]:
    """Return the recorded steps and delete the record.

    Args:
        file: holds the order.

    Returns:
        The steps in order, each once.
    """
    notes = _beside(file, ".steps")
    steps = list(dict.fromkeys(notes.read_text().splitlines())) if notes.exists() else []
    notes.unlink(missing_ok=True)
    return steps


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(file.name + ending)


def _name_of(work: Callable[..., object]) -> str:
    name = getattr(work, "__qualname__", type(work).__qualname__).replace(".<locals>", "")
    # The stored phase tells more than the name of the function that stores all phases.
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
        with _beside(file, ".steps").open("a") as steps:
            steps.write(step + "\n")
    elif counted := COUNTED.fullmatch(order):
        _passed.append(order)
        if _passed.count(order) >= int(counted[1]):
            _die(file)
    elif order == step:
        _die(file)
    elif order == f"{SLEEP}{step}":
        file.unlink(missing_ok=True)
        os.kill(os.getpid(), signal.SIGSTOP)


def _die(file: Path) -> None:
    file.unlink(missing_ok=True)
    os.kill(os.getpid(), signal.SIGKILL)
