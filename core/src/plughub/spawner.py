"""Public names for spawners.

::

    from plughub.spawner import Spawner, SpawnFailed

    class MySpawner(Spawner):
        async def start(self): ...
        async def stop(self, now=False): ...
        async def poll(self): ...

`LocalProcessSpawner` and `SimpleLocalProcessSpawner` can be imported from here as well if the distribution
``plughub-localprocess``, which contains them, is installed.
"""

from typing import TYPE_CHECKING

from plughub.classes.spawner.hook_results import SpawnException
from plughub.classes.spawner.hub_objects import ServerAddress, SpawnerHub, SpawnerUser
from plughub.classes.spawner.spawner import Spawner
from plughub.kinds import Diagnosis, Endpoint, Found, Progress, Resumable, Server, SpawnFailed, Usage
from plughub.plugin.plugin_classes import import_plugin_class

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
    "Usage",
]

if not TYPE_CHECKING:  # hidden, so that type checkers still report misspelt names

    def __getattr__(name: str) -> type:
        return import_plugin_class(__name__, name)
