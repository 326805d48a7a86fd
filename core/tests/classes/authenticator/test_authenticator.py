import pytest
from hypothesis import given
from hypothesis import strategies as st
from traitlets.config import Config

from plughub.auth import Authenticator
from plughub.proxy import Proxy

SPELLINGS = ["Alice", "alice ", " ALICE", "ａｌｉｃｅ", "Ａlice\t"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_name_is_one_name(spelling):
    assert Authenticator().normalize_username(spelling) == "alice"


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("setting", ["admin_users", "allowed_users", "blocked_users"])
def test_names_in_lists_are_normalised_too(setting, spelling):
    config = Config(Authenticator=Config({setting: {spelling}}))
    assert getattr(Authenticator(config=config), setting) == {"alice"}


@given(st.text(max_size=50))
def test_a_normalised_name_stays_as_it_is(name):
    once = Authenticator().normalize_username(name)
    assert Authenticator().normalize_username(once) == once


def test_the_map_is_applied_to_normalised_names():
    authenticator = Authenticator(username_map={"Alice@Example.org": "Alice"})
    assert authenticator.normalize_username("ALICE@example.ORG") == "alice"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "%2e%2e", "a/b", " alice", "al\x00ice", "al\nice", "x" * 256]
)
def test_invalid_names_are_refused(name):
    assert not Authenticator().validate_username(name)


def test_the_whole_name_must_match_the_pattern():
    authenticator = Authenticator(username_pattern="[a-z]+")
    assert authenticator.validate_username("alice")
    assert not authenticator.validate_username("alice; rm")


def test_an_empty_allow_list_allows_no_user():
    assert not Authenticator().check_allowed("alice")


def test_allow_all_allows_every_user():
    assert Authenticator(allow_all=True).check_allowed("alice")


def test_only_listed_users_are_allowed():
    authenticator = Authenticator(allowed_users={"alice"})
    assert authenticator.check_allowed("alice")
    assert not authenticator.check_allowed("mallory")


def test_an_admin_need_not_be_in_the_allow_list_too():
    assert Authenticator(allowed_users={"alice"}, admin_users={"root"}).check_allowed("root")
    assert not Authenticator(admin_users={"root"}).check_allowed("root")


def test_a_listed_name_of_the_authenticator_applies_to_the_mapped_username():
    authenticator = Authenticator(username_map={"a@x": "alice"}, blocked_users={"A@x"})
    assert not authenticator.check_blocked_users("alice")
    assert authenticator.check_blocked_users("bob")


@pytest.mark.parametrize("exists", [True, False])
def test_existing_users_are_allowed_if_the_setting_is_on(exists):
    authenticator = Authenticator(allow_existing_users=True)
    assert authenticator.check_allowed("alice", {"name": "alice", "exists": exists}) is exists


def test_existing_users_are_allowed_by_default_only_where_there_is_an_allow_list():
    model = {"name": "bob", "exists": True}
    assert Authenticator(allowed_users={"alice"}).check_allowed("bob", model)
    assert not Authenticator().check_allowed("bob", model)
    assert not Authenticator(allowed_users={"a"}, allow_existing_users=False).check_allowed("bob", model)


def test_only_listed_users_are_admins():
    authenticator = Authenticator(admin_users={"Root"})
    assert authenticator.is_admin(None, {"name": "root"}) is True
    assert authenticator.is_admin(None, {"name": "alice"}) is None


def test_a_hub_without_allowed_users_warns_with_the_settings_that_allow(caplog):
    Authenticator().check_allow_config()
    assert "c.Authenticator.allowed_users" in caplog.text


@pytest.mark.parametrize(
    "setting", [{"allow_all": True}, {"allowed_users": {"a"}}, {"any_allow_config": True}]
)
def test_a_hub_with_allowed_users_does_not_warn(setting, caplog):
    Authenticator(**setting).check_allow_config()
    assert not caplog.text


def test_a_setting_marked_as_allowing_counts_as_one():
    class ColourAuthenticator(Authenticator):
        good_colours = (
            Authenticator.class_traits()["allowed_users"].__class__().tag(config=True, allow_config=True)
        )

    assert "c.ColourAuthenticator.good_colours" in ColourAuthenticator().allow_settings()
    assert ColourAuthenticator(good_colours={"blue"}).any_allow_config


def test_add_user_refuses_an_invalid_name():
    class User:
        name = "a/b"

    with pytest.raises(ValueError, match="invalid username 'a/b'"):
        Authenticator().add_user(User())


async def test_post_auth_hook_must_return_the_auth_model():
    authenticator = Authenticator(post_auth_hook=lambda *_: None)
    with pytest.raises(TypeError, match=r"Authenticator\.post_auth_hook must return"):
        await authenticator.run_post_auth_hook(None, {"name": "alice"})


def test_the_login_page_is_that_of_the_hub_unless_overridden():
    assert Authenticator().login_url("/jupyter/hub/") == "/jupyter/hub/login"


@pytest.mark.parametrize("make", [Authenticator, Proxy])
def test_a_class_logs_to_the_hubs_log(make):
    assert make().log.name.startswith("plughub.")
