"""The classes of oauthenticator for single providers, unmodified, with a stand-in for the providers' endpoints."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from plughub.testing.client import ApiClient
from plughub.testing.hub import HubProcess

from .conftest import Visitor
from .providers import ADMINS, REVOKED, SECRET, STAFF

pytestmark = pytest.mark.timeout(60)

TOKEN = "5d" * 16
COMMON = f"""
c.JupyterHub.redirect_to_server = False
c.JupyterHub.services = [{{"name": "tests", "api_token": "{TOKEN}"}}]
c.JupyterHub.load_roles = [{{"name": "tests", "services": ["tests"], "scopes": ["admin:users", "groups"]}}]
c.Authenticator.admin_users = {{"root"}}
"""
PROVIDERS = {
    "github": (
        """
c.GitHubOAuthenticator.allowed_organizations = {"lab:core"}
""",
        "github.com/login/oauth/authorize",
        "ada max",
    ),
    "gitlab": (
        """
c.GitLabOAuthenticator.allowed_gitlab_groups = {"lab"}
""",
        "gitlab.com/oauth/authorize",
        "ada max",
    ),
    "google": (
        """
c.GoogleOAuthenticator.hosted_domain = ["campus.test"]
c.GoogleOAuthenticator.allowed_users = {"ada", "max", "eve@elsewhere.test"}
""",
        "accounts.google.com/o/oauth2/v2/auth",
        "ada",
    ),
    "azuread": (
        f"""
c.AzureAdOAuthenticator.tenant_id = "a-tenant"
c.AzureAdOAuthenticator.manage_groups = True
c.AzureAdOAuthenticator.allowed_groups = {{"{STAFF}"}}
c.AzureAdOAuthenticator.admin_groups = {{"{ADMINS}"}}
""",
        "login.microsoftonline.com/a-tenant/oauth2/authorize",
        "ada max",
    ),
    "globus": (
        f"""
c.GlobusOAuthenticator.allowed_globus_groups = {{"{STAFF}"}}
c.GlobusOAuthenticator.admin_globus_groups = {{"{ADMINS}"}}
c.GlobusOAuthenticator.identity_provider = "campus.test"
c.GlobusOAuthenticator.enable_auth_state = True
c.GlobusOAuthenticator.revoke_tokens_on_logout = True
c.CryptKeeper.keys = ["{"ab" * 32}"]
""",
        "auth.globus.org/v2/oauth2/authorize",
        "ada max",
    ),
    "cilogon": (
        """
c.CILogonOAuthenticator.idps = {
    "https://campus.test/idp": {
        "username_derivation": {
            "username_claim": "email", "action": "strip_idp_domain", "domain": "campus.test"
        },
        "allowed_domains": ["campus.*"],
    },
    "https://other.test/idp": {
        "username_derivation": {"username_claim": "email", "action": "prefix", "prefix": "other"}
    },
}
""",
        "cilogon.org/authorize",
        "ada max",
    ),
    "bitbucket": (
        f"""
c.BitbucketOAuthenticator.allowed_teams = {{"{STAFF}"}}
""",
        "bitbucket.org/site/oauth2/authorize",
        "ada max",
    ),
    "openshift": (
        f"""
c.OpenShiftOAuthenticator.openshift_url = "https://openshift.test"
c.OpenShiftOAuthenticator.manage_groups = True
c.OpenShiftOAuthenticator.allowed_groups = {{"{STAFF}"}}
c.OpenShiftOAuthenticator.admin_groups = {{"{ADMINS}"}}
""",
        "openshift.test/oauth/authorize",
        "ada max",
    ),
    "auth0": (
        """
c.Auth0OAuthenticator.auth0_subdomain = "campus"
c.Auth0OAuthenticator.username_claim = lambda user: user["email"].partition("@")[0]
c.Auth0OAuthenticator.allowed_users = {"ada", "max"}
""",
        "campus.auth0.com/authorize",
        "ada",
    ),
}
"""Settings, address of the login at the provider, and users who may log in."""
MANAGED = {"azuread", "openshift"}
WITH_ADMINS = {*MANAGED, "globus"}


def hub_of(folder, name, stand_in, settings):
    return HubProcess(
        folder, "--plugins", f"{name},simple,haproxy", config=stand_in.config() + COMMON + settings
    )


@pytest.mark.parametrize("name", PROVIDERS)
def test_users_of_the_allowed_group_log_in_at_the_provider_and_others_are_refused(tmp_path, stand_in, name):
    settings, login, allowed = PROVIDERS[name]
    with hub_of(tmp_path, name, stand_in, settings) as hub:
        api = ApiClient(hub.url, TOKEN)
        for user in ("ada", "max", "eve"):
            visitor = Visitor(user)
            at_provider, given = visitor.begin_login(hub.url)
            assert at_provider == f"https://{login}"
            assert (given["client_id"], given["code_challenge_method"]) == ("hub", "S256")
            answer = visitor.log_in_with_code(hub.url)
            if user in allowed.split():
                assert (answer.url, answer.status_code) == (f"{hub.url}hub/token", HTTPStatus.OK)
            else:
                assert (visitor.is_logged_in, answer.status_code) == (False, HTTPStatus.FORBIDDEN)
        assert api("GET", "/users/eve").status == HTTPStatus.NOT_FOUND
        found = api("GET", "/users/ada").body
        assert found["admin"] is (name in WITH_ADMINS)
        assert found["groups"] == (sorted([ADMINS, STAFF]) if name in MANAGED else [])
        assert SECRET not in hub.output
        visitor = Visitor("ada")
        visitor.log_in_with_code(hub.url)
        assert visitor.is_logged_in
        assert visitor.log_out(hub.url) == ("https://campus.auth0.com/v2/logout" if name == "auth0" else "")
        assert not visitor.is_logged_in
        assert name != "globus" or "transfer-ada" in REVOKED


def test_mediawiki_logs_in_with_the_older_protocol(tmp_path, stand_in):
    settings = f"""
c.MWOAuthenticator.mw_index_url = "http://127.0.0.1:{stand_in.plain_port}/w/index.php"
c.MWOAuthenticator.allowed_users = {{"ada"}}
"""
    with hub_of(tmp_path, "mediawiki", stand_in, settings) as hub:
        for user, page in (("ada", HTTPStatus.OK), ("eve", HTTPStatus.FORBIDDEN)):
            visitor = Visitor(user)
            _, given = visitor.begin_login(hub.url)
            assert (given["title"], given["oauth_token"]) == ("Special:OAuth/authenticate", "first")
            answer = visitor.get(f"{hub.url}hub/oauth_callback?oauth_token=first&oauth_verifier={user}")
            assert (answer.status_code, visitor.is_logged_in) == (page, page == HTTPStatus.OK)
