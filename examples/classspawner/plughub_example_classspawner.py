"""Spawner as a class: settings, environment and arguments come from ``c.Spawner``."""

from collections.abc import Mapping
from typing import Any, ClassVar

import psutil
from plughub import hookimpl, utils
from plughub.spawner import Spawner, SpawnFailed


class ProcessSpawner(Spawner):
    """Runs ``Spawner.cmd`` as a process of the hub's own user."""

    label: ClassVar[str] = "A process of the hub"
    host_bound: ClassVar[bool] = True

    pid: int = 0
    created: float = 0.0

    async def start(self) -> str:
        """Start the process."""
        await self.in_thread(self._launch)
        return self.bind_url

    async def poll(self) -> int | None:
        """Return None while the process runs, else 0. Process id and creation time identify the process."""
        return None if self._process() else 0

    def verify_address(self) -> bool:
        """Return whether this process, rather than another, listens at the server's address."""
        return utils.owns_address(self.server.host, utils.process_family(self.pid))

    async def stop(self, now: bool = False) -> None:
        """Stop the process and its children."""
        process = self._process()
        if process is None:
            return
        family = [process, *process.children(recursive=True)]
        for member in family:
            member.kill() if now else member.terminate()
        _, alive = await self.in_thread(psutil.wait_procs, family, 10)
        for member in alive:
            member.kill()

    def get_state(self) -> dict[str, Any]:
        """Return the state with which any hub process can find the server's process."""
        return {**super().get_state(), "pid": self.pid, "created": self.created}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore the saved state."""
        super().load_state(state)
        self.pid, self.created = state.get("pid", 0), state.get("created", 0.0)

    def clear_state(self) -> None:
        """Reset the state."""
        super().clear_state()
        self.pid, self.created = 0, 0.0

    def _launch(self) -> None:
        self.server.port = self.port or utils.random_port()
        try:
            process = psutil.Popen([*self.cmd, *self.get_args()], env=self.get_env(), start_new_session=True)
        except OSError as error:
            raise SpawnFailed(f"{self.cmd[0]} cannot be started: {error.strerror}") from error
        self.pid, self.created = process.pid, process.create_time()

    def _process(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            is_running = process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if is_running else None


@hookimpl
def hub_register_spawner() -> type[Spawner]:
    return ProcessSpawner
