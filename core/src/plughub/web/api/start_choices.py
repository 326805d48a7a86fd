"""Choices for the start of a server: spawners, and their profiles with options."""

from __future__ import annotations

from typing import Any

from plughub.domain.errors import ForbiddenError
from plughub.kinds import Profile, SpawnerInfo
from plughub.web.api.base import APIHandler
from plughub.web.authorization import of_server, requires
from plughub.web.description import call


class StartChoicesHandler(APIHandler):
    """``/hub/api/users/:name/start-choices``."""

    @call(errors=(404, 500, 503))
    @requires("start:servers", about=of_server)
    async def get(self, name: str) -> None:
        """Return the spawners and profiles among which a start of the user's servers may choose."""
        user = await self.find_user(name)
        settings = self.services.settings
        problems = await self.services.spawner_checks.problems(settings.spawners)
        view = await self.services.servers.view(user, "")
        choices = []
        for spawner, info in settings.spawners.items():
            problem = problems.get(spawner)
            reason = problem.message if problem else ""
            try:
                offered = await self.services.profiles.of(spawner, view)
            except ForbiddenError as error:
                offered, reason = (), error.message
            choices.append(
                {
                    **_spawner_model(spawner, info),
                    "default": spawner == settings.default_spawner,
                    "problem": reason,
                    "profiles": [_profile_model(one.record) for one in offered],
                }
            )
        self.answer({"spawners": choices})


def _spawner_model(name: str, info: SpawnerInfo) -> dict[str, Any]:
    return {"name": name, "display_name": info.label or name, "description": info.description}


def _profile_model(profile: Profile) -> dict[str, Any]:
    return {
        "slug": profile.slug,
        "display_name": profile.title,
        "description": profile.description,
        "default": profile.default,
        "cpu_limit": profile.cpu_limit,
        "memory_limit": profile.memory_limit,
        "options": dict(profile.options),
    }
