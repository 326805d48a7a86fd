"""Backends written as classes: `Spawner`, `Authenticator`, `Proxy`, and their adapters to hooks."""
