"""Settings of a config file reach the parts of the hub that act on them, whose own tests show the rest.

Each row sets one setting and reads what a part of the hub was given.
"""

from __future__ import annotations

import asyncio
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from plughub.app.addresses import addresses
from plughub.app.config import JupyterHub
from plughub.app.hub_parts import make_parts
from plughub.app.internal_tls import prepare_tls
from plughub.app.service_settings import with_settings_of
from plughub.app.web_context import web_context
from plughub.app.web_options import options_of
from plughub.classes.tls.issuer import make_authority
from plughub.services.settings import HubSettings
from plughub.storage.store import Transaction
from plughub.testing.conditions import keep_busy


def services(hub: JupyterHub) -> HubSettings:
    return with_settings_of(hub, HubSettings(mark="", hub_id="", host=""))


@pytest.mark.parametrize(
    ("setting", "value", "part", "field", "expected"),
    [
        ("activity_resolution", 5.0, services, "activity_resolution", 5.0),
        ("audit_days", 3.0, services, "audit_days", 3.0),
        ("cleanup_proxy", False, services, "cleanup_proxy", False),
        ("cleanup_servers", False, services, "cleanup_servers", False),
        ("cookie_suffix", "-two", services, "cookie_suffix", "-two"),
        ("cookie_host_prefix_enabled", True, services, "host_prefix", True),
        ("last_activity_interval", 20.0, services, "last_activity_interval", 20.0),
        ("lease_seconds", 3.0, services, "lease", 3.0),
        ("login_tries", 2, services, "login_limits.tries", 2),
        ("login_tries_of_name", 7, services, "login_limits.tries_of_name", 7),
        ("one_person", [{"pam", "ldap"}], services, "one_person", (frozenset({"pam", "ldap"}),)),
        ("plugin_threads", 3, services, "plugin_threads", 3),
        ("service_check_interval", 5.0, services, "service_check_interval", 5.0),
        ("token_limit_per_user", 4, services, "token_limit", 4),
        ("tornado_settings", {"slow_spawn_timeout": 3}, options_of, "slow_spawn_timeout", 3),
        ("hsts_max_age", 60, options_of, "hsts_seconds", 60),
        ("ip", "10.0.0.1", addresses, "ip", "10.0.0.1"),
        ("port", 9000, addresses, "port", 9000),
        ("base_url", "/jupyter/", addresses, "base_url", "/jupyter/"),
        ("bind_url", "http://10.0.0.1:9000/jupyter/", addresses, "base_url", "/jupyter/"),
        ("hub_ip", "10.0.0.1", addresses, "connect_url", "http://10.0.0.1:8081"),
        ("hub_port", 9081, addresses, "connect_url", "http://127.0.0.1:9081"),
        ("hub_bind_url", "http://10.0.0.1:9081", addresses, "connect_url", "http://10.0.0.1:9081"),
        ("hub_connect_ip", "hub.lan", addresses, "connect_url", "http://hub.lan:8081"),
        ("hub_connect_url", "http://hub.lan:80", addresses, "connect_url", "http://hub.lan:80"),
    ],
)
def test_a_setting_reaches_the_part_that_acts_on_it(setting, value, part, field, expected) -> None:
    hub = JupyterHub(config=Config({"JupyterHub": {setting: value}}))
    assert attrgetter(field)(part(hub)) == expected
    assert attrgetter(field)(part(JupyterHub())) != expected


PUBLIC = make_authority("test")
FILES = {
    "templates/logo.svg": "<svg/>",
    "cert.pem": PUBLIC.certificate.decode(),
    "key.pem": PUBLIC.key.decode(),
}


@pytest.mark.parametrize(
    ("lines", "field", "expected"),
    [
        ("c.JupyterHub.host_name = 'node7'", "parts.services.settings.host", "node7"),
        (
            "c.JupyterHub.plugin_settings = {'simple': {'colour': 'red'}}",
            "plan.config.plugin_settings",
            {"simple": {"colour": "red"}},
        ),
        ("c.JupyterHub.template_vars = {'motto': 'hi'}", "context.template_vars", {"motto": "hi"}),
        ("c.JupyterHub.template_paths = ['templates']", "context.template_folders", (Path("templates"),)),
        ("c.JupyterHub.data_files_path = 'templates'", "context.data_folder", Path("templates")),
        (
            "c.JupyterHub.jinja_environment_options = {'extensions': ['jinja2.ext.do']}",
            "context.jinja_options",
            {"extensions": ["jinja2.ext.do"]},
        ),
        ("c.JupyterHub.runtime_dir = 'state'", "plan.runtime_dir.name", "state"),
        ("c.JupyterHub.trusted_downstream_users = ['daemon']", "trusts_daemon", True),
        ("c.JupyterHub.cookie_secret_file = 'signs'", "signs_exists", True),
        (
            "c.JupyterHub.ssl_cert, c.JupyterHub.ssl_key = 'cert.pem', 'key.pem'",
            "plan.proxy.ssl_key",
            "key.pem",
        ),
        (
            "c.JupyterHub.ssl_key, c.JupyterHub.ssl_cert = 'key.pem', 'cert.pem'",
            "plan.proxy.ssl_cert",
            "cert.pem",
        ),
        ("c.JupyterHub.audit_days = 0", "plan.observing.audit", None),
        ("c.JupyterHub.active_user_window = 60", "window_seconds", 60.0),
        ("c.Authenticator.auth_refresh_age = 7", "policy.refresh_age", 7.0),
        ("c.Authenticator.auth_refresh_strict = True", "policy.refresh_strict", True),
        ("c.Authenticator.refresh_pre_spawn = True", "policy.refresh_pre_spawn", True),
        ("c.Authenticator.refresh_pre_stop = True", "policy.refresh_pre_stop", True),
        ("c.Authenticator.auto_login_oauth2_authorize = True", "login.auto_oauth", True),
        ("c.PeriodicMetricsCollector.active_users_enabled = False", "active_users_every", None),
        ("c.PeriodicMetricsCollector.active_users_update_interval = 9", "active_users_every", 9.0),
        ("c.JupyterHub.service_tokens = {'of-the-culler-1234': 'cull'}", "service_of_token", "cull"),
        ("c.JupyterHub.load_groups = {'class': ['ann']}", "groups", {"class"}),
        ("c.JupyterHub.load_roles = [{'name': 'tutor', 'scopes': ['self']}]", "has_tutor", True),
        ("c.JupyterHub.custom_scopes = {'custom:grades': {'description': 'x'}}", "has_custom_scope", True),
        ("c.JupyterHub.extra_user_scopes = {'list:users'}", "extra_scopes_of_users", True),
        (
            "c.JupyterHub.services = [{'name': 'cull', 'api_token': 'of-the-culler-1234'}]",
            "services",
            {"cull"},
        ),
        (
            "c.JupyterHub.api_tokens = {'0123456789abcdef': 'ann'}",
            "declared.tokens",
            {"0123456789abcdef": "ann"},
        ),
        ("c.JupyterHub.proxy_class = 'chp'", "plan.selection.proxy", "chp"),
        (
            "c.Authenticator.delete_invalid_users = True",
            "parts.services.startup_user_sync._delete_invalid",
            {"dummy"},
        ),
        ("c.JupyterHub.trust_user_provided_tokens = True", "declared.trust_tokens", True),
    ],
)
async def test_a_line_of_the_config_file_reaches_the_part_that_acts_on_it(
    planned, tmp_path, lines, field, expected
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    plan = await asyncio.to_thread(planned, f"c.Authenticator.allow_all = True\n{lines}\n", "simple", "dummy")
    parts = await make_parts(plan)
    try:
        found = Facts(plan, parts, web_context(plan, parts, lambda *_: None), tmp_path)
        assert attrgetter(field)(found) == expected
    finally:
        parts.close()


class Facts:
    """What a planned hub was given, by the names that the rows use."""

    def __init__(self, plan: Any, parts: Any, context: Any, folder: Path) -> None:
        from plughub.app.declarations import declared_of, scopes_of

        self.plan, self.parts, self.context, self._folder = plan, parts, context, folder
        self.policy = parts.services.settings.policy_of("dummy")
        self.login = context.login_methods["dummy"]
        self.tree = scopes_of(plan.config)
        self.declared = declared_of(plan.config, plan.selection, self.tree, plan.where.base_url)
        self.active_users_every = context.metrics_report._every
        self.window_seconds = context.metrics_report._window.total_seconds()

    @property
    def trusts_daemon(self) -> bool:
        import pwd

        return pwd.getpwnam("daemon").pw_uid in self.context.options.proxy_users

    @property
    def signs_exists(self) -> bool:
        return (self._folder / "signs").exists()

    @property
    def services(self) -> set[str]:
        return {service.name for service in self.declared.services}

    @property
    def service_of_token(self) -> str:
        return str(next(service.name for service in self.declared.services if service.more_tokens))

    @property
    def groups(self) -> set[str]:
        return {group.name for group in self.declared.groups}

    @property
    def has_tutor(self) -> bool:
        return "tutor" in {declared.role.name for declared in self.declared.roles}

    @property
    def has_custom_scope(self) -> bool:
        return self.tree.expand(["custom:grades"]) == {"custom:grades"}

    @property
    def extra_scopes_of_users(self) -> bool:
        roles = (declared.role for declared in self.declared.roles)
        return any("list:users" in role.scopes for role in roles if role.name == "user")


def test_the_database_is_reset_at_the_start(planned) -> None:
    def users(lines: str) -> list[str]:
        store = planned(f"c.Authenticator.allow_all = True\n{lines}", "simple", "dummy").store

        def work(connection: Any) -> list[str]:
            tx = Transaction(connection)
            found = [user for user in ("ada",) if tx.users.get(user)]
            tx.users.get("ada") or tx.users.create("ada")
            return found

        return store.database.run(work)

    resets = "c.JupyterHub.reset_db = c.JupyterHub.answer_yes = True"
    assert [users(""), users(""), users(resets)] == [[], ["ada"], []]


@pytest.mark.parametrize(
    ("setting", "value", "file"),
    [
        ("internal_certs_location", "elsewhere", "elsewhere/hub-ca/hub-ca.crt"),
        ("internal_ssl", True, "certs/hub-ca/hub-ca.crt"),
        ("trusted_alt_names", ["DNS:hub.lan"], "certs/hub-internal/hub-internal.crt"),
        ("external_ssl_authorities", {"mine": {"cert": "mine.pem"}}, "certs/mine/mine.crt"),
    ],
)
def test_settings_of_internal_tls_show_in_its_files(tmp_path, monkeypatch, setting, value, file) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.pem").write_text("a certificate")
    given = {"internal_ssl": True, "internal_certs_location": "certs"}
    if setting == "internal_ssl":
        del given["internal_ssl"]
    hub = JupyterHub(config=Config({"JupyterHub": {**given, setting: value}}))
    prepare_tls(hub, "https://127.0.0.1:8081")
    assert (tmp_path / file).exists()
    if setting == "trusted_alt_names":
        from cryptography.x509 import DNSName, SubjectAlternativeName, load_pem_x509_certificate

        names = load_pem_x509_certificate((tmp_path / file).read_bytes()).extensions
        assert "hub.lan" in names.get_extension_for_class(SubjectAlternativeName).value.get_values_for_type(
            DNSName
        )


def test_recreated_authorities_are_new(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    authority = tmp_path / "internal-ssl" / "hub-ca" / "hub-ca.crt"
    seen = set()
    for recreate in (False, False, True):
        config = {"internal_ssl": True, "recreate_internal_certs": recreate}
        prepare_tls(JupyterHub(config=Config({"JupyterHub": config})), "https://127.0.0.1:8081")
        seen.add(authority.read_bytes())
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("setting", "value", "read", "expected"),
    [
        ("log_level", "warn", lambda proxy: "warn" in proxy._arguments(), True),
        ("pid_file", "node.pid", lambda proxy: proxy._launcher._pid_file.name, "node.pid"),
    ],
)
def test_a_setting_reaches_the_node_proxy(tmp_path, setting, value, read, expected) -> None:
    from plughub.proxy import ConfigurableHTTPProxy  # type: ignore[attr-defined]

    proxy = ConfigurableHTTPProxy(config=Config({"ConfigurableHTTPProxy": {setting: value}}))
    proxy.runtime_dir = tmp_path
    proxy.ip, proxy.port, proxy.hub_url, proxy.error_url = "127.0.0.1", 1, "http://h:1", "http://h:1/error"
    assert read(proxy) == expected


def test_the_permissions_of_the_socket_reach_it() -> None:
    url = "http+unix://%2Frun%2Fhub%2Fhub.sock"
    config = Config({"JupyterHub": {"hub_bind_url": url, "hub_socket_mode": 0o666}})
    socket = addresses(JupyterHub(config=config)).hub_socket
    assert socket is not None
    assert socket.mode == 0o666


LOOP = "c.PeriodicMetricsCollector."


async def measured(planned, line: str) -> str:
    """Return the metrics of a planned hub after the delay of its event loop was measured three times."""
    plan = await asyncio.to_thread(planned, f"c.Authenticator.allow_all = True\n{line}\n", "simple", "dummy")
    parts = await make_parts(plan)
    plan.observing.start(parts.services.events, parts.services.settings)
    try:
        plan.observing.metrics.render("")  # so that it is measured at the resolution
        for busy in (0.3, 0):
            measured_again = asyncio.Event()
            asyncio.get_running_loop().call_later(0.5, measured_again.set)
            await measured_again.wait()
            keep_busy(busy)
        return plan.observing.metrics.render("")[0].decode()
    finally:
        await plan.observing.finish()
        parts.close()


COUNT = "jupyterhub_event_loop_interval_seconds_count 0.0"


async def test_the_event_loop_is_measured_only_if_that_is_enabled(planned) -> None:
    assert COUNT not in await measured(planned, "")
    assert COUNT in await measured(planned, f"{LOOP}event_loop_interval_enabled = False")


async def test_the_resolution_is_the_shortest_delay_that_is_measured(planned) -> None:
    short = 'jupyterhub_event_loop_interval_seconds_bucket{le="0.05"}'
    assert f"{short} 0.0" in await measured(planned, f"{LOOP}event_loop_interval_resolution = 0.1")
    assert f"{short} 0.0" not in await measured(planned, "")


async def test_a_delay_above_the_threshold_is_logged(planned, caplog) -> None:
    await measured(planned, f"{LOOP}event_loop_interval_log_threshold = 0.1")
    assert "the event loop was blocked for at least" in caplog.text
