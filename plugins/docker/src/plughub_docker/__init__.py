"""Servers in Docker containers: `plughub_docker.spawner.DockerSpawner`."""
