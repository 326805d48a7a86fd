"""Settings of permissions: roles, groups, scopes and tokens."""

from __future__ import annotations

import traitlets

from plughub.domain.limits import MAX_TOKENS


class PermissionSettings(traitlets.HasTraits):
    """Settings that `JupyterHub` inherits."""

    load_roles: traitlets.List[object] = traitlets.List(
        help="""Roles to create or update at startup: dictionaries with name, description, scopes, users,
        groups and services.

        Holders that are not listed lose the role, and roles that are no longer listed are
        deleted. Of the built-in roles, user, server and token can be redefined; admin can only be assigned.
        """
    ).tag(config=True)
    load_groups = traitlets.Dict(
        help="""Groups to create or update at startup, by name: lists of users, or dictionaries with users
        and properties. Other members stay in the group.
        """
    ).tag(config=True)
    admin_access = traitlets.Bool(
        False,
        help="""Tell users on their home page that administrators may open their servers.

        Administrators hold the scope access:servers regardless of this setting; for administrators without
        it, define a role in load_roles. Each opening of another user's server is recorded in the audit trail
        as ``open-server`` and shown to the user on the token page.
        """,
    ).tag(config=True)
    custom_scopes = traitlets.Dict(
        help="Custom scopes for services: a dictionary with description and subscopes for each scope name."
    ).tag(config=True)
    extra_user_scopes = traitlets.Set(
        traitlets.Unicode(), help="Scopes that every user has in addition to those of the role user."
    ).tag(config=True)
    oauth_token_expires_in = traitlets.Integer(
        0,
        help="""Lifetime in seconds of the token that a server gets for a browser session; 0 for the
        lifetime of the login.
        """,
    ).tag(config=True)
    oauth_require_pkce = traitlets.Bool(False, help="Refuse OAuth clients that do not use PKCE.").tag(
        config=True
    )
    token_expires_in_max_seconds = traitlets.Integer(
        0, help="Maximum lifetime in seconds of tokens that users request; 0 for no limit."
    ).tag(config=True)
    token_limit_per_user = traitlets.Integer(
        MAX_TOKENS,
        min=0,
        help="""Maximum number of API tokens that a user may have, including those of running servers but
        not those of browser sessions at servers; 0 for no limit. Existing tokens above the limit are kept.
        """,
    ).tag(config=True)
