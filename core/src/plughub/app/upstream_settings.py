"""Settings of JupyterHub that plughub does not have, and what to use instead."""

from __future__ import annotations

from typing import Final

_COMMAND: Final = "it is a command-line option of jupyterhub; remove it"

INSTEAD: Final = {
    "JupyterHub.active_user_window": "the metrics use fixed time windows; remove it",
    "JupyterHub.admin_access": "grant the scope access:servers with c.JupyterHub.load_roles",
    "JupyterHub.api_tokens": "create tokens with 'hub token NAME', or define a service with an api_token",
    "JupyterHub.data_files_path": "plughub finds its own files; remove it",
    "JupyterHub.extra_handlers": "add pages with a plugin (hub_register_pages)",
    "JupyterHub.extra_log_file": "redirect standard error to a file, or add a logging.FileHandler to "
    "c.JupyterHub.extra_log_handlers",
    "JupyterHub.forwarded_host_header": "set c.JupyterHub.public_url",
    "JupyterHub.generate_certs": _COMMAND,
    "JupyterHub.hub_routespec": "the proxy sends all other requests to the hub; remove it",
    "JupyterHub.hub_socket_mode": "the hub listens on TCP, not on a Unix socket; remove it",
    "JupyterHub.init_spawners_timeout": "the hub checks servers in the background; remove it",
    "JupyterHub.jinja_environment_options": "remove it; c.JupyterHub.template_vars adds variables",
    "JupyterHub.reset_db": "move the database file yourself; remove it",
    "JupyterHub.trust_user_provided_tokens": "services always use their own tokens; remove it",
}
"""Advice for each setting, by class and name."""
