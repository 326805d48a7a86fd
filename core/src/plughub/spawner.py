"""Public names for spawners.

::

    from plughub.spawner import Spawner, SpawnFailed

    class MySpawner(Spawner):
        async def start(self): ...
        async def stop(self, now=False): ...
        async def poll(self): ...

`LocalProcessSpawner` and `SimpleLocalProcessSpawner` are part of the distribution ``plughub-localprocess``,
in ``plughub_localprocess.spawner`` and ``plughub_localprocess.simple_spawner``.
"""

from plughub.classes.spawner.hook_results import SpawnException
from plughub.classes.spawner.hub_objects import ServerAddress, SpawnerHub, SpawnerUser
from plughub.classes.spawner.spawner import Spawner
from plughub.kinds import Diagnosis, Endpoint, Found, Progress, Resumable, Server, SpawnFailed

__all__ = [
    "Diagnosis",
    "Endpoint",
    "Found",
    "Progress",
    "Resumable",
    "Server",
    "ServerAddress",
    "SpawnException",
    "SpawnFailed",
    "Spawner",
    "SpawnerHub",
    "SpawnerUser",
]
