"""Base class of spawners, and its adapter to hooks."""
