"""Backends written as classes: `Spawner`, `Authenticator`, `Proxy`, and what turns them into hooks."""
