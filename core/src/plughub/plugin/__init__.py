"""Finding, checking and calling plugins."""
