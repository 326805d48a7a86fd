"""Base classes of authenticators, and their adapter to hooks."""
