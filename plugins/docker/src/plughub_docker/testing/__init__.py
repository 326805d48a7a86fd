"""Test support: images built without a registry, and containers of hubs that are killed."""
