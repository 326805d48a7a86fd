"""Options that users choose when they start a server: image, environment variables, repository."""

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
from plughub_docker.setting_errors import as_setting_error
from plughub_docker.templates import fill_in_all

KNOWN: Final = frozenset({"image", "environment", "repository"})


class DockerOptions(CheckedSettings):
    """Reads and checks the options of a start; what no setting allows is refused."""

    allowed_environment: Any = Union(
        [List(Unicode()), Callable()],
        default_value=[],
        help="Environment variables that users may set: a list of names or patterns such as COURSE_*, or a "
        "function of the spawner that returns one. Empty: none.",
    ).tag(config=True)
    allowed_repositories: Any = Union(
        [List(Unicode()), Callable()],
        default_value=[],
        help="Repositories that users may have cloned before the server starts: a list of URLs or patterns "
        "such as https://github.com/our-course/*, or a function of the spawner that returns one. "
        "Empty: none. The image must contain git.",
    ).tag(config=True)
    repository_folder = Unicode(
        "{repository}",
        help="Folder into which a repository is cloned, relative to the working directory of the image. "
        "{repository} is the name of the repository; the fields of name_template are replaced too.",
    ).tag(config=True)

    chosen_environment: Mapping[str, str] = AnyTrait({}, help="Variables that the user chose; checked.")  # type: ignore[assignment]
    repository = Unicode(help="URL of the repository that the user chose; checked.")

    async def get_options_form(self) -> str:
        """Return the form for the options that users may choose, or Spawner.options_form if it is set."""
        if own := await super().get_options_form():
            return own
        variables = await self._allowed("allowed_environment")
        repositories = await self._allowed("allowed_repositories")
        image = images.form(await self._allowed("allowed_images"), self.image)
        return image + start_options.form(variables, repositories, self.own_options.get("environment"))

    @default("options_from_form")
    def _default_options_from_form(self) -> Any:
        return read_form

    def get_env(self) -> dict[str, str]:
        """Return the whole environment; the user's choices override the configuration."""
        return {**super().get_env(), **self.chosen_environment}

    @property
    def clone_folder(self) -> str:
        """Folder into which the repository is cloned."""
        names = {**self.template_namespace(), "repository": start_options.folder_of(self.repository)}
        with as_setting_error("DockerSpawner.repository_folder"):
            return fill_in_all(self.repository_folder, names)

    async def choose(self, image: str | None = None) -> None:
        """Apply the user's options, and the settings that are functions.

        Args:
            image: image that a subclass has chosen; None for that of the options or the settings.

        Raises:
            SpawnFailed: an option is not allowed.
        """
        for name, value in (await self.checked(self._own_options())).items():
            setattr(self, name, value)
        # Keep the image from allowed_images, which may map a display name to an image.
        if image and not (self.allowed_images and image == self.own_options.get("image")):
            self.image = image
        await self.call_functions()
        self.object_name = self._default_object_name()

    def _own_options(self) -> dict[str, Any]:
        """Return the options without an image that a subclass passes to its ``super().start``."""
        module = str(type(self).start.__module__)  # that of a class in a config file is None
        has_own_start = module.partition(".")[0] != __name__.partition(".")[0]
        is_left_to_start = has_own_start and not self.allowed_images
        return {
            name: value for name, value in self.own_options.items() if name != "image" or not is_left_to_start
        }

    async def checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Check options and return the values by setting.

        Raises:
            SpawnFailed: an option is not allowed.
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
        """Refuse unknown options, unless the administrator's own form or hook may read them."""
        apply = self.apply_user_options
        own = self.options_from_form is not read_form or self.options_form or self.pre_spawn_hook
        if own or callable(apply):
            return
        if unknown := sorted(set(options) - {*KNOWN, *(apply or {})}):
            raise SpawnFailed(f"unknown options: {', '.join(unknown)[:200]}", status=400, retry=False)


async def read_form(
    form: Mapping[str, Sequence[Any]], spawner: DockerOptions | None = None
) -> dict[str, Any]:
    """Convert the form into options, and check them while the user still sees the form.

    Args:
        form: lists of values by field.
        spawner: spawner of the server that is to start; without it, options are not checked before the start.

    Raises:
        ValueError: a line is not an environment variable.
        SpawnFailed: an option is not allowed.
    """
    options = options_of(form)
    if spawner is not None:
        await spawner.checked(options)
    return options


def options_of(form: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Convert the form into unchecked options, without empty fields.

    Raises:
        ValueError: a line is not an environment variable.
    """
    options: dict[str, Any] = {name: values[0] if values else "" for name, values in form.items()}
    if isinstance(text := options.get("environment"), str):
        options["environment"] = start_options.read_variables(text)
    return {
        name: value for name, value in options.items() if name not in {"environment", "repository"} or value
    }
