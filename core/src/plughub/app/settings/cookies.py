"""Settings of cookies, and of the header that makes browsers use HTTPS."""

from __future__ import annotations

import traitlets

from plughub.app.cookie_secret import secret_of_environment, secret_of_text
from plughub.classes.traits import CookieSuffix


class CookieSettings(traitlets.HasTraits):
    """Settings that `JupyterHub` inherits."""

    cookie_secret = traitlets.Union(
        [traitlets.Bytes(), traitlets.Unicode()],
        default_value=b"",
        help="""Secret that signs cookies: bytes, or a string of hexadecimal digits. Prefer
        cookie_secret_file, which keeps the secret out of the configuration.
        """,
    ).tag(config=True)
    cookie_secret_file = traitlets.Unicode(
        "jupyterhub_cookie_secret", help="File with the secret that signs cookies; created if missing."
    ).tag(config=True)
    cookie_max_age_days = traitlets.Float(14, help="Lifetime of a login in days.").tag(config=True)
    cookie_host_prefix_enabled = traitlets.Bool(
        None,
        allow_none=True,
        help="""Add the prefix ``__Host-`` to the names of login cookies, so that browsers accept them only
        over HTTPS and send them only to the host that set them. Such cookies apply to all paths, so use
        this together with subdomain_host. None enables the prefix for the hub's cookie if servers have
        hosts of their own and the hub uses HTTPS.
        """,
    ).tag(config=True)
    cookie_suffix = CookieSuffix(
        "",
        help="""Suffix for the names of the hub's login and XSRF cookies, such as ``-staging``. Set it when
        two hubs use the same host with different ports, so that a login at one does not end the login at
        the other. Cookies of servers keep their names; users who open servers of both hubs also need
        different values of base_url.
        """,
    ).tag(config=True)
    hsts_max_age = traitlets.Integer(
        86400,
        min=0,
        help="""Lifetime in seconds of the Strict-Transport-Security header, which makes browsers use HTTPS
        for all ports of the hub's host; 0 disables the header. Sent only if public_url, ssl_cert or a
        trusted reverse proxy shows that browsers use HTTPS.
        """,
    ).tag(config=True)

    @traitlets.default("cookie_secret")
    def _cookie_secret_of_environment(self) -> bytes:
        return secret_of_environment()

    @traitlets.validate("cookie_secret")
    def _decode_cookie_secret(self, proposal: dict[str, str | bytes]) -> bytes:
        value = proposal["value"]
        return value if isinstance(value, bytes) else secret_of_text(value, "c.JupyterHub.cookie_secret")
