"""The form for start options, in a real browser, in front of real containers."""

import json
import urllib.request

import pytest
from playwright.async_api import expect

from plughub.testing.browser import log_in
from plughub.testing.hub import HubProcess

pytestmark = [pytest.mark.docker, pytest.mark.browser, pytest.mark.timeout(240)]
PHONE = {"width": 360, "height": 740}
FOREIGN = "const option = new Option('foreign/image:1'); document.querySelector('#image').add(option);"
START = "#spawn_form [type=submit]"


@pytest.fixture
def hub(tmp_path, gateway, prefix, tiny_image, git_image, probe, site):
    config = f"""
c.JupyterHub.hub_ip = {gateway!r}
c.Authenticator.allow_all = True
c.DockerSpawner.allowed_images = {{"Plain": {tiny_image!r}, "With git": {git_image!r}}}
c.DockerSpawner.allowed_environment = ["COURSE", "LAB_*"]
c.DockerSpawner.allowed_repositories = [{site + "/course.git"!r}, {site + "/*"!r}]
c.DockerSpawner.cmd = {probe!r}
c.DockerSpawner.prefix = {prefix!r}
c.DockerSpawner.remove = True
c.DockerSpawner.stop_timeout = 1
c.Spawner.http_timeout = 90
"""
    return HubProcess(tmp_path, "--plugins", "docker,dummy", config=config)


async def fill(page, image, variables, repository):
    await page.select_option("#image", image)
    await page.fill("#environment", variables)
    await page.fill("#repository", repository)


async def holds(page, image, variables, repository):
    await expect(page.locator("#image")).to_have_value(image)
    await expect(page.locator("#environment")).to_have_value(variables)
    await expect(page.locator("#repository")).to_have_value(repository)


async def fits(page):
    """Check that nothing is wider than the screen."""
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_a_user_chooses_image_variables_and_repository_and_reads_refusals(
    hub, page, engine, prefix, git_image, site, probe
):
    refusal = page.locator("[role=alert]")
    await page.set_viewport_size(PHONE)
    with hub:
        await log_in(page, hub.url, "ada", "any")
        await page.wait_for_selector("#spawn_form")
        await fits(page)

        await fill(page, "With git", "COURSE=law\nnonsense", f"{site}/course.git")
        await page.click(START)
        await expect(refusal).to_contain_text("'nonsense' is not NAME=value")
        await holds(page, "With git", "COURSE=law\nnonsense", f"{site}/course.git")
        await fits(page)

        await page.evaluate(FOREIGN)
        await fill(page, "foreign/image:1", "COURSE=law", f"{site}/nothing.git")
        await page.click(START)
        await expect(refusal).to_contain_text(
            "mage 'foreign/image:1' is not allowed; allowed images: Plain, With git"
        )
        await holds(page, "Plain", "COURSE=law", f"{site}/nothing.git")
        await fits(page)
        assert engine.containers(all=True, filters={"name": prefix}) == []

        await page.select_option("#image", "With git")
        await page.click(START)
        await expect(refusal).to_contain_text(f"{site}/nothing.git cannot be cloned: fatal:", timeout=90_000)
        await fits(page)
        await page.click("text=Try again")
        await holds(page, "With git", "COURSE=law", f"{site}/nothing.git")

        await page.fill("#repository", f"{site}/course.git")
        await page.click(START)
        await page.wait_for_url("**/user/ada/**", timeout=90_000)
        with urllib.request.urlopen(f"{hub.url}user/ada/api", timeout=30) as answer:
            assert json.load(answer)["environment"]["COURSE"] == "law"
        (container,) = engine.containers(filters={"name": f"^/{prefix}-ada$"})
        assert container["Image"] == git_image
        read = [probe[0], "-c", "print(open('course/lesson.txt').read(), end='')"]
        assert engine.exec_start(engine.exec_create(container["Id"], read)["Id"]) == b"lesson one\n"
