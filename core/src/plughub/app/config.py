"""Settings of the hub, ``c.JupyterHub.…`` in a config file."""

from __future__ import annotations

from traitlets.config import SingletonConfigurable

from plughub.app.settings.addresses import AddressSettings
from plughub.app.settings.cookies import CookieSettings
from plughub.app.settings.deprecated import DeprecatedSettings
from plughub.app.settings.encryption import EncryptionSettings
from plughub.app.settings.logins import LoginSettings
from plughub.app.settings.observability import ObservabilitySettings
from plughub.app.settings.origins import OriginSettings
from plughub.app.settings.pages import PageSettings
from plughub.app.settings.permissions import PermissionSettings
from plughub.app.settings.plugins import PluginSettings
from plughub.app.settings.processes import ProcessSettings
from plughub.app.settings.servers import ServerSettings
from plughub.app.settings.services import ServiceSettings


class Application(SingletonConfigurable):
    """Section ``c.Application``, in which a config file may set the settings of `JupyterHub` too."""


class JupyterHub(
    PluginSettings,
    AddressSettings,
    OriginSettings,
    EncryptionSettings,
    ProcessSettings,
    CookieSettings,
    LoginSettings,
    PermissionSettings,
    ServiceSettings,
    ServerSettings,
    PageSettings,
    ObservabilitySettings,
    DeprecatedSettings,
    Application,
):
    """Settings of the hub. Config files use the class by this name."""

    # The bases of settings are no Configurable, so that a config file has no sections with their names.
