"""Conformance suites: subclass one in the tests of your plugin and give it its fixtures."""
