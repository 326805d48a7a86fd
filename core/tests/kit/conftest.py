from pathlib import Path

import pytest

from plughub.kit.generator import KINDS, new_plugin


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A package of every kind, as functions and as a class, by the name of its plugin."""
    folder = tmp_path_factory.mktemp("generated")
    made = {}
    for kind, described in KINDS.items():
        for as_class in (False, True)[: 1 + described.has_class]:
            name = f"my-{kind}{'-class' * as_class}"
            new_plugin(kind, name, folder / name, as_class=as_class, author='Ada "Countess" Lovelace')
            made[name] = folder / name
    return made
