"""Names of ``jupyterhub.spawner``."""

from __future__ import annotations

from typing import Any

from plughub import spawner as plughub_spawner

__all__ = ["Spawner"]


class Spawner(plughub_spawner.Spawner):
    """``jupyterhub.spawner.Spawner``: what it has beyond the class of plughub."""

    own_event_loop = True
    polls_before_stop = True

    @property
    def _server(self) -> Any:
        """Address of the server, which wrapping spawners pass on."""
        return self.server

    @property
    def _log_name(self) -> str:
        return f"{self.user.name}:{self.name}" if self.name else self.user.name


try:
    _LocalProcess: Any = plughub_spawner.LocalProcessSpawner  # type: ignore[attr-defined]
    _SimpleProcess: Any = plughub_spawner.SimpleLocalProcessSpawner  # type: ignore[attr-defined]
except ImportError:  # plughub-localprocess is not installed
    pass
else:

    class LocalProcessSpawner(Spawner, _LocalProcess):  # type: ignore[misc]
        """``jupyterhub.spawner.LocalProcessSpawner``."""

        polls_before_stop = False  # ``stop`` also ends what an interrupted start has left

    class SimpleLocalProcessSpawner(Spawner, _SimpleProcess):  # type: ignore[misc]
        """``jupyterhub.spawner.SimpleLocalProcessSpawner``."""

        polls_before_stop = False  # as above

    __all__ += ["LocalProcessSpawner", "SimpleLocalProcessSpawner"]
