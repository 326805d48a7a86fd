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
    service_check_interval = traitlets.Float(
        60, min=1, help="Seconds between two health checks of each service that has a url."
    ).tag(config=True)
