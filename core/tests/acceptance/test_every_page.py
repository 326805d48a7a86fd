"""Every page: accessible in both themes, fits a phone, no errors of scripts, little to download."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from plughub.testing.steady_chromium import steady_chromium

ROOT = Path(__file__).parents[3]
MOST_BYTES = 60_000
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(400),
]
WEIGHT = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .reduce((sum, entry) => sum + entry.transferSize, 0)"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def screenshots() -> Any:
    spec = importlib.util.spec_from_file_location("screenshots", ROOT / "docs" / "screenshots.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["screenshots"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tour(screenshots: Any, tmp_path: Path) -> Iterator[Any]:
    with screenshots.demo_hub(tmp_path) as hub, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=steady_chromium(), args=["--no-sandbox"])
        tour = screenshots.Tour(hub, browser)
        tour.prepare()
        yield tour
        browser.close()


def test_every_page_is_accessible_fits_a_phone_and_is_light(screenshots, tour):
    problems = []
    for visit in tour.visits():
        with tour.open(visit, screenshots.LOOKS[0]) as page:
            for look in screenshots.LOOKS:
                # Only the style sheet depends on the theme and the width, so a page need not be loaded again.
                page.emulate_media(color_scheme=look.options["color_scheme"])
                page.set_viewport_size(look.options["viewport"])
                problems += [f"{visit.name} ({look.name}): {problem}" for problem in problems_of(page, look)]
            problems += [f"{visit.name}: {error}" for error in tour.errors]
    assert not problems, "\n".join(problems)


def problems_of(page, look):
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    for violation in found:
        places = [node["target"] for node in violation["nodes"][:3]]
        yield f"axe: {violation['id']}: {violation['help']} at {places}"
    if page.evaluate(OVERFLOW) > 0:
        yield "is wider than the window"
    if look.name == "light" and (weight := page.evaluate(WEIGHT)) > MOST_BYTES:
        yield f"takes {weight} bytes"
