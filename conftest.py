import os
import signal

import pytest
from hypothesis import settings

pytest_plugins = ["plughub.testing.quick", "plughub.testing.workers", "plughub.testing.fixtures"]
settings.register_profile("plughub", deadline=None)  # the machine may be busy
settings.load_profile("plughub")
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # hubs under test end on it, even when the tests run under nohup


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter, exitstatus, config):
    if os.environ.get("PLUGHUB_NO_SKIPS") and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("tests were skipped, and PLUGHUB_NO_SKIPS is set", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    # The processes of pytest-xdist have no reporter; the one that started them has all results.
    if os.environ.get("PLUGHUB_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
