"""Hooks of spawner classes that override a method, or have a setting, which others lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plughub.classes.spawner.profiles import has_profiles, profiles_of
from plughub.classes.spawner.spawner import Spawner
from plughub.kinds import Diagnosis, Profile, Server, Usage, UserInfo
from plughub.markers import hookimpl


class OptionalHooks:
    """Base of these hooks; `SpawnerHooks` has the methods."""

    _find: Any
    _make: Any
    _call: Any


class ReceivingHooks(OptionalHooks):
    """Hooks of a spawner class that receives values from starting servers."""

    @hookimpl
    async def hub_receive(self, server: Server, values: Mapping[str, Any]) -> None:
        """Call ``receive``."""
        spawner = await self._find(server)
        await self._call(spawner.receive, values)


class VerifyingHooks(OptionalHooks):
    """Hooks of a spawner class that can verify which process listens at an address."""

    @hookimpl
    async def hub_verify_address(self, server: Server) -> bool:
        """Call ``verify_address``."""
        spawner = await self._find(server)
        return bool(await self._call(spawner.verify_address))


class MeasuringHooks(OptionalHooks):
    """Hooks of a spawner class that can measure what its servers use."""

    @hookimpl
    async def hub_usage(self, server: Server) -> Usage | None:
        """Call ``usage``."""
        spawner = await self._find(server)
        usage: Usage | None = await self._call(spawner.usage)
        return usage


class AvailabilityHooks(OptionalHooks):
    """Hooks of a spawner class that knows whether servers can be started."""

    @hookimpl
    async def hub_check_spawner(self) -> Diagnosis | str | None:
        """Call ``availability``."""
        spawner = await self._make(Server(user=UserInfo(name="")))
        why: Diagnosis | str | None = await self._call(spawner.availability)
        return why


class ProfileHooks(OptionalHooks):
    """Hooks of a spawner class with profiles."""

    @hookimpl
    async def hub_profiles(self, server: Server) -> Sequence[Profile]:
        """Return the profiles of ``Spawner.profiles``."""
        return [one.record for one in await profiles_of(await self._make(server))]


BY_METHOD = {
    "verify_address": VerifyingHooks,
    "receive": ReceivingHooks,
    "usage": MeasuringHooks,
    "availability": AvailabilityHooks,
}


def optional_hooks(spawner_class: type[Spawner], config: Any) -> tuple[type[OptionalHooks], ...]:
    """Return the hooks that a class implements beyond those of all classes.

    Args:
        spawner_class: the class.
        config: the configuration; None for none.
    """
    overridden = [
        hooks
        for name, hooks in BY_METHOD.items()
        if getattr(spawner_class, name) is not getattr(Spawner, name)
    ]
    return (*overridden, *([ProfileHooks] if has_profiles(spawner_class, config) else []))
