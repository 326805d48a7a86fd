"""Settings of services: programs that use the API under their own name."""

from __future__ import annotations

import traitlets


class ServiceSettings(traitlets.HasTraits):
    """Settings that `JupyterHub` inherits."""

    services: traitlets.List[object] = traitlets.List(
        help="""Programs that use the API under their own name: dictionaries with name, api_token, url,
        info, display, timeout, oauth_client_id, oauth_redirect_uri, oauth_no_confirm and
        oauth_client_allowed_scopes.

        The hub starts a service that has a command; cwd, environment and user are optional then. A service
        with a url is available below /services/NAME/. Permissions of services are set in load_roles.
        """
    ).tag(config=True)
    service_tokens: traitlets.Dict[str, str] = traitlets.Dict(
        help="Additional API tokens of services: a dictionary of service names by token."
    ).tag(config=True)
    api_tokens: traitlets.Dict[str, str] = traitlets.Dict(
        key_trait=traitlets.Unicode(),
        value_trait=traitlets.Unicode(),
        help="""Deprecated: define a service with an api_token, or create tokens with ``hub token``. API
        tokens of users: a dictionary of usernames by token. Users who do not exist are created. A token can
        do what its user may do, and is revoked when it is no longer listed.
        """,
    ).tag(config=True)
    trust_user_provided_tokens = traitlets.Bool(
        False,
        help="""Hash tokens of the configuration once instead of many times, which makes requests with them
        cheaper. Set it only if all of them are random, such as the output of ``openssl rand -hex 32``.
        Applies to tokens that are stored for the first time.
        """,
    ).tag(config=True)
    service_check_interval = traitlets.Float(
        60, min=1, help="Seconds between two health checks of each service that has a url."
    ).tag(config=True)
