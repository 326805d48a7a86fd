"""Minimum versions of dependencies have no known vulnerabilities."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
FIXED = {
    "cryptography": "50",  # CVE-2026-69247, and OpenSSL in its wheels
    "idna": "3.15",  # CVE-2026-45409
    "jinja2": "3.1.6",  # CVE-2025-27516
    "oauthlib": "4.0",  # CVE-2026-118669
    "pyjwt": "2.12",  # CVE-2026-32597
    "requests": "2.33",  # CVE-2026-25645
    "tornado": "6.6",  # CVE-2026-31958, CVE-2026-49853, CVE-2026-82397 and others
}
"""The first version in which all known vulnerabilities are fixed."""


def test_minimum_versions_of_dependencies_have_no_known_vulnerabilities() -> None:
    files = [path for path in ROOT.glob("*/**/pyproject.toml") if ".venv" not in path.parts]
    low, seen = [], set()
    for path in (ROOT / "pyproject.toml", *files):
        for text in tomllib.loads(path.read_text()).get("project", {}).get("dependencies", ()):
            wanted = Requirement(text)
            name = wanted.name.lower()
            floors = [Version(rule.version) for rule in wanted.specifier if rule.operator == ">="]
            seen.add(name)
            if name in FIXED and (not floors or max(floors) < Version(FIXED[name])):
                low.append(f"{path.relative_to(ROOT)}: {text}")
    assert low == []
    assert seen >= {"cryptography", "idna", "jinja2", "oauthlib", "requests", "tornado"}
