"""The proxy and its routes."""
