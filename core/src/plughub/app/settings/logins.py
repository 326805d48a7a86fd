"""Settings of logins: identities, confirmation, and limits for wrong passwords."""

from __future__ import annotations

import traitlets


class LoginSettings(traitlets.HasTraits):
    """Settings that `JupyterHub` inherits."""

    one_person = traitlets.List(
        traitlets.Set(traitlets.Unicode()),
        help="""Sets of authenticators that share usernames, such as ``[{"pam", "ldap"}]``: the same name
        from any of them is the same user.

        Between all other authenticators, a username that was first used with one is refused for the others.
        """,
    ).tag(config=True)
    confirm_within = traitlets.Float(
        None,
        allow_none=True,
        min=0,
        help="""Maximum age of a login in seconds for page requests that create a token or a share, or
        change what belongs to others. After that, users have to confirm with their password. 0 for any age.
        None for 600 if servers share the hub's origin and users have a password, otherwise 0. Requests with
        tokens need no confirmation.
        """,
    ).tag(config=True)
    shutdown_on_logout = traitlets.Bool(False, help="Stop a user's servers when they log out.").tag(
        config=True
    )
    login_tries = traitlets.Integer(
        5,
        min=1,
        help="""Wrong passwords for one username from one address before a delay begins. The delay starts at
        two seconds and doubles with each further wrong password; a correct password ends it.
        """,
    ).tag(config=True)
    login_longest_pause = traitlets.Float(
        300,
        min=0,
        max=86400,
        help="Maximum delay in seconds after wrong passwords; 0 disables all login rate limits.",
    ).tag(config=True)
    login_tries_of_name = traitlets.Integer(
        50,
        min=1,
        help="""Wrong passwords for one username from all addresses before its logins are limited to one
        every two seconds. The count decreases by one each minute. Addresses from which the user logged in
        within the last 30 days are exempt.
        """,
    ).tag(config=True)
    login_tries_of_address = traitlets.Integer(
        100,
        min=1,
        help="""Wrong passwords from one address, or one IPv6 /64 network, before its logins are limited to
        one every two seconds. The count decreases by one every ten seconds. Users who logged in from the
        address within the last 30 days are exempt.
        """,
    ).tag(config=True)
    refused_logins_per_hour = traitlets.Integer(
        1000,
        min=1,
        help="""Maximum number of refused logins that each hub process logs and records in the audit trail
        in an hour. Refusals of the same username and address within a minute are combined. Beyond the
        limit, only the total is reported.
        """,
    ).tag(config=True)
