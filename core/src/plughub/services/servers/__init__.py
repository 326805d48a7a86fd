"""Servers: starting, stopping, looking after them, and what is left of them."""
