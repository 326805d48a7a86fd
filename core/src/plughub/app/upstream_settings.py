"""Settings of JupyterHub that nothing reads here, and what to write instead."""

from __future__ import annotations

from typing import Final

_COMMAND: Final = "is an argument of the command jupyterhub; take it out"
_CHP: Final = "write c.ConfigurableHTTPProxy.{}, with the plugin chp"
_HTTP_CLIENT: Final = "the hub has no such client; take it out"

INSTEAD: Final = {
    "Application.log_level": "write c.JupyterHub.log_level",
    "JupyterHub.active_user_window": "the metrics count fixed windows; take it out",
    "JupyterHub.admin_access": "give the scope access:servers by c.JupyterHub.load_roles",
    "JupyterHub.admin_users": "write c.Authenticator.admin_users",
    "JupyterHub.answer_yes": _COMMAND,
    "JupyterHub.api_tokens": "make tokens with hub token NAME, or declare a service with an api_token",
    "JupyterHub.config_file": "it is the argument -f",
    "JupyterHub.confirm_no_ssl": "nothing asks for it; take it out",
    "JupyterHub.data_files_path": "the hub finds its own files; take it out",
    "JupyterHub.debug_db": "write c.JupyterHub.db_kwargs = {'echo': True}",
    "JupyterHub.debug_proxy": _CHP.format("debug"),
    "JupyterHub.extra_handlers": "pages are added by plugins (hub_register_pages)",
    "JupyterHub.extra_log_file": "lead standard error to a file, or add a logging.FileHandler to "
    "c.JupyterHub.extra_log_handlers",
    "JupyterHub.forwarded_host_header": "write c.JupyterHub.public_url",
    "JupyterHub.generate_certs": _COMMAND,
    "JupyterHub.generate_config": _COMMAND,
    "JupyterHub.hub_connect_port": "write c.JupyterHub.hub_connect_url",
    "JupyterHub.hub_routespec": "the hub is led to by everything that is no server; take it out",
    "JupyterHub.hub_socket_mode": "the hub listens on TCP, not on a socket file; take it out",
    "JupyterHub.init_spawners_timeout": "the hub serves at once and looks at servers meanwhile; take it out",
    "JupyterHub.jinja_environment_options": "take it out; c.JupyterHub.template_vars adds variables",
    "JupyterHub.proxy_api_ip": _CHP.format("api_url"),
    "JupyterHub.proxy_api_port": _CHP.format("api_url"),
    "JupyterHub.proxy_auth_token": _CHP.format("auth_token"),
    "JupyterHub.proxy_check_interval": "the proxy is looked at each second; take it out",
    "JupyterHub.proxy_cmd": _CHP.format("command"),
    "JupyterHub.reset_db": "move the database away yourself; take it out",
    "JupyterHub.trust_user_provided_tokens": "services bring tokens of their own anyway; take it out",
    "Authenticator.whitelist": "write c.Authenticator.allowed_users",
    "LocalAuthenticator.group_whitelist": "write c.LocalAuthenticator.allowed_groups",
    "ConfigurableHTTPProxy.command_umask": "the umask of the hub holds for its proxy; take it out",
    "JupyterHubHTTPClient.connector_options": _HTTP_CLIENT,
    "JupyterHubHTTPClient.session_options": _HTTP_CLIENT,
}
"""What to do about each, by class and name."""
