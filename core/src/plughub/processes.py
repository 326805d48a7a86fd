"""Functions that launch, find and identify local processes that outlive the hub.

::

    from plughub.processes import DetachedProcess, find_marked, launch, marked

    mark = str(folder)  # unique on this machine
    process = find_marked(mark) or launch(command, log=log, cwd=folder, environment=marked(os.environ, mark))

An answer at a port does not prove which process sent it: any user of the machine may have opened the port.
`owns_address` asks the kernel for the owner.
"""

from plughub.classes.processes.descriptors import limit_of_launched
from plughub.classes.processes.detached import (
    DetachedProcess,
    end,
    last_lines,
    launch,
    start_of,
    trim,
    wait_until_free,
    who_listens,
)
from plughub.classes.processes.listeners import listeners_at, owns_address, process_family
from plughub.classes.processes.marks import find_marked, marked

__all__ = [
    "DetachedProcess",
    "end",
    "find_marked",
    "last_lines",
    "launch",
    "limit_of_launched",
    "listeners_at",
    "marked",
    "owns_address",
    "process_family",
    "start_of",
    "trim",
    "wait_until_free",
    "who_listens",
]
