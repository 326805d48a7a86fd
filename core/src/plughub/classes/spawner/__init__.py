"""Spawners that are written as classes with traits, and the plugin that each becomes."""
