"""The kit with which plugins are tested, ours and yours: ``pytest -p plughub.testing.fixtures``."""
