from __future__ import annotations

from importlib.util import find_spec

NEED_PLUGINS = [
    "acceptance/test_https_guide.py",
    "acceptance/test_page_commands.py",
    "classes/test_plain_settings.py",
    "cli/test_commands.py",
    "cli/test_configuration.py",
    "cli/test_init.py",
    "cli/test_site_files.py",
    "cli/test_upstream_names.py",
    "services/secrets/test_auth_states.py",
    "specification/test_every_setting.py",
    "specification/test_examples.py",
    "specification/test_import_places.py",
    "specification/test_old_settings.py",
    "specification/test_settings_take_effect.py",
    "specification/test_short_names.py",
    "specification/test_startup_wait.py",
    "specification/test_unknown_settings.py",
    "specification/test_utilities.py",
    "test_bench.py",
    "test_docs.py",
    "test_docs_examples.py",
]
"""Modules that need our plugins or JupyterHub's package; where only the core is installed they are left out."""

collect_ignore = [] if find_spec("plughub_localprocess") else NEED_PLUGINS
