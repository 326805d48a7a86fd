"""Old names of settings, and settings of JupyterHub that have no effect; config files may still set them."""

from __future__ import annotations

import traitlets

from plughub.classes.traits import Command

_LEFTOVER = "No effect; accepted for compatibility with JupyterHub."


class DeprecatedSettings(traitlets.HasTraits):
    """Settings that `JupyterHub` inherits. `apply_old_names` moves their values to the current names."""

    admin_users = traitlets.Set(
        traitlets.Unicode(),
        help="Deprecated: set Authenticator.admin_users, which takes precedence.",
    ).tag(config=True)
    proxy_cmd = Command(minlen=0, help="Deprecated: set ConfigurableHTTPProxy.command.").tag(config=True)
    proxy_auth_token = traitlets.Unicode("", help="Deprecated: set ConfigurableHTTPProxy.auth_token.").tag(
        config=True
    )
    proxy_check_interval = traitlets.Integer(
        5, help="Deprecated: set ConfigurableHTTPProxy.check_running_interval."
    ).tag(config=True)
    debug_proxy = traitlets.Bool(False, help="Deprecated: set ConfigurableHTTPProxy.debug.").tag(config=True)
    proxy_api_ip = traitlets.Unicode(
        "",
        help="""Deprecated: set ConfigurableHTTPProxy.api_url. Address of the proxy's API; empty for
        127.0.0.1.
        """,
    ).tag(config=True)
    proxy_api_port = traitlets.Integer(
        0,
        min=0,
        max=65535,
        help="""Deprecated: set ConfigurableHTTPProxy.api_url. Port of the proxy's API; 0 for the port after
        JupyterHub.port.
        """,
    ).tag(config=True)
    confirm_no_ssl = traitlets.Bool(False, help=_LEFTOVER).tag(config=True)
    config_file = traitlets.Unicode("", help=f"{_LEFTOVER} Use the command-line option -f.").tag(config=True)
    generate_config = traitlets.Bool(False, help=_LEFTOVER).tag(config=True)
