"""Contract suites: subclass one in the tests of your plugin and provide its fixtures."""
