"""Names of ``jupyterhub.proxy``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from subprocess import Popen
from typing import Any, Final

from plughub import proxy as plughub_proxy
from plughub.errors import StartError
from plughub.kinds import ProxySettings
from plughub.processes import ProcessIdentity, end

__all__ = ["Proxy"]

_PROCESS, _HUB = "process", "hub"
_START_EXTERNAL: Final = "_start_external"


class Proxy(plughub_proxy.Proxy):
    """``jupyterhub.proxy.Proxy``: what it has beyond the class of plughub.

    A proxy process that the class has launched is known by an attribute that contains a `Popen`.
    """

    own_event_loop = True
    can_route_hosts = True

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # The constructors of traefik's classes connect to a proxy that the hub does not start. The address
        # is not known before `configure`, and ``hub check`` must not connect.
        self._is_external = not self.should_start
        self.should_start = True

    @property
    def host_bound(self) -> bool:
        """True if the hub starts the proxy, on its own machine."""
        return not self._is_external

    def configure(self, settings: ProxySettings) -> None:
        """Set the facts that the constructor has in JupyterHub."""
        super().configure(settings)
        scheme = "https" if self.ssl_key else "http"
        # An empty host means all addresses.
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        self.public_url = f"{scheme}://{host}:{self.port}{self.base_url}"
        self.should_start = not self._is_external

    async def load_state(self, state: Mapping[str, Any]) -> None:  # type: ignore[override]
        """End the proxy process that a killed hub process has left, or connect to an external proxy.

        Raises:
            StartError: the proxy process belongs to another hub process that runs.
        """
        super().load_state(state)
        if self._is_external:
            if hasattr(self, _START_EXTERNAL):
                self._start_future = asyncio.ensure_future(getattr(self, _START_EXTERNAL)())
            return
        hub = ProcessIdentity.from_state(state.get(_HUB, {}))
        process = ProcessIdentity.from_state(state.get(_PROCESS, {}))
        if process is None or not process.is_running():
            return
        if hub is not None and hub.pid != os.getpid() and hub.is_running():
            raise StartError(
                f"the proxy process {process.pid} belongs to hub process {hub.pid}, which still runs",
                hint="several hub processes need a proxy that they do not start: should_start = False",
            )
        await asyncio.to_thread(end, process)

    def get_state(self) -> dict[str, Any]:
        """Return the identities of the proxy process and of this hub process."""
        process = self._process()
        found = ProcessIdentity.of(process.pid) if process else None
        hub = ProcessIdentity.of(os.getpid())
        return {_PROCESS: found.as_state(), _HUB: hub.as_state()} if found and hub else {}

    def check_running(self) -> int | None:
        """Return the exit code of the proxy process; None if it runs, or is not known."""
        process = self._process()
        return process.poll() if process else None

    def _process(self) -> Popen[bytes] | None:
        values = (*self._trait_values.values(), *vars(self).values())
        return next((value for value in values if isinstance(value, Popen)), None)


try:
    ConfigurableHTTPProxy: Any = plughub_proxy.ConfigurableHTTPProxy  # type: ignore[attr-defined]
except ImportError:  # plughub-chp is not installed
    pass
else:
    __all__ += ["ConfigurableHTTPProxy"]
