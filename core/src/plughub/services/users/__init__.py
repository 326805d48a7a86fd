"""Users: login, identities, groups, administration and deletion, and their sync with the configuration."""
