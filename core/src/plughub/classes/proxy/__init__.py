"""Base class of proxies, and its adapter to hooks."""
