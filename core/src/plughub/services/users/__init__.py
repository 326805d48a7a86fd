"""Users: login, identities, groups, administration, deletion, and sync with the configuration."""
