"""A repository that is cloned before the server starts, with a real git and a real web server."""

import os
import subprocess

import pytest

from plughub.errors import PluginError
from plughub.testing.contracts.spawner import NAME, make_server
from plughub_docker import repository_clone
from plughub_docker.testing.repositories import serving


@pytest.fixture
def asked(spawners, git_image, site):
    """Factory of spawners whose user requests a repository."""

    def make(name, **settings):
        server = make_server("alice", options={"repository": f"{site}/{name}"})
        return spawners(
            server=server, image=git_image, allowed_repositories=[f"{site}/*"], stop_timeout=1, **settings
        )

    return make


def read_inside(engine, container, file, probe):
    made = engine.exec_create(container, [probe[0], "-c", f"print(open({file!r}).read(), end='')"])
    return engine.exec_start(made["Id"])


@pytest.mark.docker
async def test_a_repository_is_cloned_before_the_server_starts(asked, engine, probe):
    spawner = asked("course.git")
    endpoint = await spawner.start()
    lesson = read_inside(engine, endpoint.state["object_id"], "course/lesson.txt", probe)
    assert lesson == b"lesson one\n"
    assert (await spawner.facts())["environment"]["JUPYTERHUB_USER"] == "alice"
    said = [step.message async for step in spawner.hooks.progress(NAME, spawner.record)]
    assert "Creating the container" in said


@pytest.mark.docker
async def test_the_folder_of_a_repository_is_a_template(asked, engine, probe):
    endpoint = await asked("course.git", repository_folder="of-{username}-{repository}").start()
    file = "/home/jovyan/of-alice-course/lesson.txt"
    assert read_inside(engine, endpoint.state["object_id"], file, probe) == b"lesson one\n"


@pytest.mark.docker
async def test_a_missing_repository_is_reported_with_gits_message(asked, site):
    with pytest.raises(PluginError, match="cannot be cloned: fatal: repository") as caught:
        await asked("nothing.git").start()
    assert f"{site}/nothing.git" in str(caught.value)


@pytest.mark.docker
async def test_a_repository_that_is_not_listed_is_refused_before_anything_is_created(
    spawners, engine, prefix
):
    server = make_server("alice", options={"repository": "https://evil.example.com/x"})
    with pytest.raises(PluginError, match="is not allowed") as caught:
        await spawners(server=server, allowed_repositories=["https://code.example.org/*"]).start()
    assert caught.value.__cause__.status == 400  # type: ignore[attr-defined]
    assert engine.containers(all=True, filters={"name": prefix}) == []


@pytest.mark.docker
async def test_variables_that_a_user_chooses_override_the_configuration(spawners):
    server = make_server("alice", options={"environment": {"THEME": "dark", "COURSE_X": "1"}})
    allowed = {"allowed_environment": lambda _: ["THEME", "COURSE_*"]}
    spawner = spawners(server=server, environment={"THEME": "light"}, **allowed)
    await spawner.start()
    environment = (await spawner.facts())["environment"]
    assert (environment["THEME"], environment["COURSE_X"]) == ("dark", "1")
    assert environment["JUPYTERHUB_USER"] == "alice"


# ---- the clone script, without an engine


def run_script(where, url, path=os.environ["PATH"]):
    command = repository_clone.command(url, "course", ["echo", "the server's turn"])
    return subprocess.run(command, cwd=where, env={"PATH": path}, capture_output=True, text=True)


@pytest.fixture
def near(repositories):
    """Serves the repositories to this machine."""
    with serving(repositories, "127.0.0.1") as address:
        yield f"{address}/course.git"


def test_an_interrupted_clone_is_discarded_and_an_existing_folder_stays(near, tmp_path):
    (tmp_path / "course.part").mkdir()
    (tmp_path / "course.part" / "half").write_text("x")
    done = run_script(tmp_path, near)
    assert done.stdout.endswith(f"{repository_clone.READY}\nthe server's turn\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["course"]
    (tmp_path / "course" / "lesson.txt").write_text("my notes")
    assert run_script(tmp_path, near).returncode == 0
    assert (tmp_path / "course" / "lesson.txt").read_text() == "my notes"


def test_an_image_without_git_is_reported(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to("/bin/sh")
    done = run_script(tmp_path, "https://code.example.org/course", str(tmp_path / "bin"))
    assert done.returncode == repository_clone.EXIT_CODE
    assert repository_clone.read_progress(done.stdout.splitlines()).last == "the image has no git"


def test_git_follows_no_other_protocol_than_that_of_the_address(repositories, tmp_path):
    done = run_script(tmp_path, f"file://{repositories}/course.git".replace("file://", "http::file://"))
    assert done.returncode == repository_clone.EXIT_CODE
    assert not (tmp_path / "course").exists()
