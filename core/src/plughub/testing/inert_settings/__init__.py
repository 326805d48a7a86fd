"""Proof that tests show the effect of settings: without the setting, the test fails.

``docs/settings.toml`` names for each setting the test that shows its effect. This plugin for pytest runs
each of these tests once more for each of its settings, with the setting fixed at its default, also in the
processes that the test starts. If the test passes nevertheless, it does not show the effect::

    .venv/bin/python -m pytest -p plughub.testing.inert_settings.check core/tests
"""
