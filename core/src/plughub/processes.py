"""Functions that launch, find and identify local processes that outlive the hub.

::

    from plughub.processes import find_marked, launch, marked

    mark = str(folder)  # unique on this machine
    process = find_marked(mark) or launch(command, log=log, cwd=folder, environment=marked(os.environ, mark))

`ProcessIdentity` combines pid and start time, so that a later process with the same pid is not taken for it.
Its ``as_state`` returns JSON to store.

An answer at a port does not prove which process sent it: any user of the machine may have opened the port.
`owns_address` asks the kernel for the owner.
"""

from plughub.classes.processes.descriptors import limit_of_launched
from plughub.classes.processes.detached import (
    end,
    last_lines,
    launch,
    trim,
    wait_until_free,
    who_listens,
)
from plughub.classes.processes.identity import ProcessIdentity, start_of
from plughub.classes.processes.listeners import all_listeners, listeners_at, owns_address, process_family
from plughub.classes.processes.marks import find_marked, marked
from plughub.classes.processes.ports import check_free
from plughub.deprecations import warn_deprecated
from plughub.domain.secret_values import shown_command

__all__ = [
    "ProcessIdentity",
    "all_listeners",
    "check_free",
    "end",
    "find_marked",
    "last_lines",
    "launch",
    "limit_of_launched",
    "listeners_at",
    "marked",
    "owns_address",
    "process_family",
    "shown_command",
    "start_of",
    "trim",
    "wait_until_free",
    "who_listens",
]


def __getattr__(name: str) -> object:
    if name == "DetachedProcess":
        warn_deprecated("plughub.processes.DetachedProcess")
        return ProcessIdentity
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
