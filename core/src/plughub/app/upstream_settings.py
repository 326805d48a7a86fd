"""Settings of JupyterHub that plughub does not have, and what to use instead."""

from __future__ import annotations

from typing import Final

_COMMAND: Final = "it is a command-line option of jupyterhub; remove it"
_CHP: Final = "set c.ConfigurableHTTPProxy.{} and use the plugin chp"
_HTTP_CLIENT: Final = "plughub does not use this client; remove it"

INSTEAD: Final = {
    "Application.log_level": "set c.JupyterHub.log_level",
    "JupyterHub.active_user_window": "the metrics use fixed time windows; remove it",
    "JupyterHub.admin_access": "grant the scope access:servers with c.JupyterHub.load_roles",
    "JupyterHub.admin_users": "set c.Authenticator.admin_users",
    "JupyterHub.answer_yes": _COMMAND,
    "JupyterHub.api_tokens": "create tokens with 'hub token NAME', or define a service with an api_token",
    "JupyterHub.config_file": "use the command-line option -f",
    "JupyterHub.confirm_no_ssl": "plughub asks for no confirmation; remove it",
    "JupyterHub.data_files_path": "plughub finds its own files; remove it",
    "JupyterHub.debug_db": "set c.JupyterHub.db_kwargs = {'echo': True}",
    "JupyterHub.debug_proxy": _CHP.format("debug"),
    "JupyterHub.extra_handlers": "add pages with a plugin (hub_register_pages)",
    "JupyterHub.extra_log_file": "redirect standard error to a file, or add a logging.FileHandler to "
    "c.JupyterHub.extra_log_handlers",
    "JupyterHub.forwarded_host_header": "set c.JupyterHub.public_url",
    "JupyterHub.generate_certs": _COMMAND,
    "JupyterHub.generate_config": _COMMAND,
    "JupyterHub.hub_connect_port": "set c.JupyterHub.hub_connect_url",
    "JupyterHub.hub_routespec": "the proxy sends all other requests to the hub; remove it",
    "JupyterHub.hub_socket_mode": "the hub listens on TCP, not on a Unix socket; remove it",
    "JupyterHub.init_spawners_timeout": "the hub checks servers in the background; remove it",
    "JupyterHub.jinja_environment_options": "remove it; c.JupyterHub.template_vars adds variables",
    "JupyterHub.proxy_api_ip": _CHP.format("api_url"),
    "JupyterHub.proxy_api_port": _CHP.format("api_url"),
    "JupyterHub.proxy_auth_token": _CHP.format("auth_token"),
    "JupyterHub.proxy_check_interval": "the proxy is checked every second; remove it",
    "JupyterHub.proxy_cmd": _CHP.format("command"),
    "JupyterHub.reset_db": "move the database file yourself; remove it",
    "JupyterHub.trust_user_provided_tokens": "services always use their own tokens; remove it",
    "Authenticator.whitelist": "set c.Authenticator.allowed_users",
    "LocalAuthenticator.group_whitelist": "set c.LocalAuthenticator.allowed_groups",
    "ConfigurableHTTPProxy.command_umask": "the proxy inherits the hub's umask; remove it",
    "JupyterHubHTTPClient.connector_options": _HTTP_CLIENT,
    "JupyterHubHTTPClient.session_options": _HTTP_CLIENT,
}
"""Advice for each setting, by class and name."""
