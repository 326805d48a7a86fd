"""Usage and limits of containers and services, as the engine reports them."""

import pytest

from plughub_docker.usage import limits_of, limits_of_service

MEBIBYTE = 2**20


@pytest.mark.parametrize(
    ("host", "cores", "memory"),
    [
        ({}, None, None),
        ({"NanoCpus": 0, "CpuQuota": 0, "CpuPeriod": 0, "Memory": 0}, None, None),
        ({"NanoCpus": 1_500_000_000, "Memory": MEBIBYTE}, 1.5, MEBIBYTE),
        ({"CpuQuota": 50_000}, 0.5, None),
        ({"CpuQuota": 50_000, "CpuPeriod": 25_000}, 2, None),
        ({"CpuQuota": -1, "CpuPeriod": 25_000}, None, None),
    ],
)
def test_limits_of_a_container(host, cores, memory):
    assert limits_of(host) == {"cpu_limit": cores, "memory_limit": memory}


@pytest.mark.parametrize(
    ("resources", "cores", "memory"),
    [
        (None, None, None),
        ({"Limits": None}, None, None),
        ({"Limits": {"NanoCPUs": 2_000_000_000, "MemoryBytes": MEBIBYTE}}, 2, MEBIBYTE),
    ],
)
def test_limits_of_a_service(resources, cores, memory):
    service = {"Spec": {"TaskTemplate": {"Resources": resources}}}

    assert limits_of_service(service) == {"cpu_limit": cores, "memory_limit": memory}


@pytest.mark.docker
async def test_a_container_is_measured_with_its_limits(spawners):
    spawner = spawners(cpu_limit=0.5, mem_limit="96M")
    assert await spawner.usage() is None, "nothing runs yet"
    try:
        await spawner.start()
        await spawner.facts()
        usage = await spawner.usage()
    finally:
        await spawner.stop(now=True)

    assert (usage.cpu_limit, usage.memory_limit) == (0.5, 96 * MEBIBYTE)
    assert MEBIBYTE < usage.memory < 96 * MEBIBYTE
    assert usage.cpu_seconds > 0
    assert await spawner.usage() is None
