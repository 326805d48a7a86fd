"""Loading of plugins and calls of their hooks."""
