"""What users choose when they start a server: image, environment variables, a repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from traitlets import Any as AnyTrait
from traitlets import List, Unicode, Union, default

from plughub.spawner import SpawnFailed
from plughub.threads import call
from plughub.traitlets import Callable
from plughub_docker import images, start_options
from plughub_docker.checked_settings import CheckedSettings
from plughub_docker.faults import naming
from plughub_docker.templates import fill_in_all

KNOWN: Final = frozenset({"image", "environment", "repository"})


class DockerOptions(CheckedSettings):
    """Reads the options; what the administrator did not list is refused."""

    allowed_environment: Any = Union(
        [List(Unicode()), Callable()],
        default_value=[],
        help="Environment variables that users may set: names, or patterns such as COURSE_*; or a function "
        "of the spawner that gives them. Empty: none.",
    ).tag(config=True)
    allowed_repositories: Any = Union(
        [List(Unicode()), Callable()],
        default_value=[],
        help="Repositories that users may have cloned before the start: addresses, or patterns such as "
        "https://github.com/our-course/*; or a function of the spawner that gives them. Empty: none. "
        "The image needs git.",
    ).tag(config=True)
    repository_folder = Unicode(
        "{repository}",
        help="Folder into which a repository is cloned, as seen from the folder that the image works in. "
        "{repository} is its name; the names of name_template are filled in too.",
    ).tag(config=True)

    chosen_environment: Mapping[str, str] = AnyTrait({}, help="Variables that the user chose; checked.")  # type: ignore[assignment]
    repository = Unicode(help="Address of the repository that the user chose; checked.")

    async def get_options_form(self) -> str:
        """Get the form: what the user may choose, unless Spawner.options_form is set."""
        if own := await super().get_options_form():
            return own
        variables = await self._allowed("allowed_environment")
        repositories = await self._allowed("allowed_repositories")
        image = images.form(await self._allowed("allowed_images"), self.image)
        return image + start_options.form(variables, repositories)

    @default("options_from_form")
    def _default_options_from_form(self) -> Any:
        return read_form

    def get_env(self) -> dict[str, str]:
        """Get the whole environment; what the user may choose wins over what is configured."""
        return {**super().get_env(), **self.chosen_environment}

    @property
    def clone_folder(self) -> str:
        """Folder into which the repository is cloned."""
        names = {**self.template_namespace(), "repository": start_options.folder_of(self.repository)}
        with naming("DockerSpawner.repository_folder"):
            return fill_in_all(self.repository_folder, names)

    async def choose(self) -> None:
        """Take over what the user chose, and what functions of the config file say.

        Raises:
            SpawnFailed: she may not have it.
        """
        for name, value in (await self.checked(self.user_options)).items():
            setattr(self, name, value)
        await self.call_functions()
        self.object_name = self._default_object_name()

    async def checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Check options.

        Args:
            options: what the user asks for.

        Returns:
            What she may have, by setting.

        Raises:
            SpawnFailed: she may not have it.
        """
        self._refuse_unknown(options)
        chosen: dict[str, Any] = {}
        if "image" in options:
            chosen["image"] = images.choose(options["image"], await self._allowed("allowed_images"))
        if "environment" in options:
            variables = await self._allowed("allowed_environment")
            chosen["chosen_environment"] = start_options.environment(options["environment"], variables)
        if "repository" in options:
            repositories = await self._allowed("allowed_repositories")
            chosen["repository"] = start_options.repository(options["repository"], repositories)
        return chosen

    async def _allowed(self, setting: str) -> Any:
        allowed = getattr(self, setting)
        return await call(self.plugin, allowed, self) if callable(allowed) else allowed

    def _refuse_unknown(self, options: Mapping[str, Any]) -> None:
        """Refuse options that nothing reads; a hook or a form of the administrator's may read any."""
        apply = self.apply_user_options
        own = self.options_from_form is not read_form or self.options_form or self.pre_spawn_hook
        if own or callable(apply):
            return
        if unknown := sorted(set(options) - {*KNOWN, *(apply or {})}):
            raise SpawnFailed(f"unknown options: {', '.join(unknown)[:200]}", status=400, retry=False)


async def read_form(
    form: Mapping[str, Sequence[Any]], spawner: DockerOptions | None = None
) -> dict[str, Any]:
    """Turn the form into options, and check them while the user still sees it.

    Args:
        form: lists of texts by field.
        spawner: of the server that is to start; without it nothing is checked before the start.

    Returns:
        The options.

    Raises:
        ValueError: a line is no environment variable.
        SpawnFailed: she may not have it.
    """
    options = options_of(form)
    if spawner is not None:
        await spawner.checked(options)
    return options


def options_of(form: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Turn the form into options; what was left empty is no option.

    Args:
        form: lists of texts by field.

    Returns:
        The options, not checked yet.

    Raises:
        ValueError: a line is no environment variable.
    """
    options: dict[str, Any] = {name: values[0] if values else "" for name, values in form.items()}
    if isinstance(text := options.get("environment"), str):
        options["environment"] = start_options.read_variables(text)
    return {
        name: value for name, value in options.items() if name not in {"environment", "repository"} or value
    }
