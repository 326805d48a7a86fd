"""Spawners for servers that run as processes on the hub's own machine.

`plughub_localprocess.spawner.LocalProcessSpawner` runs them as the system users,
`plughub_localprocess.simple_spawner.SimpleLocalProcessSpawner` as the hub's own user.
"""
