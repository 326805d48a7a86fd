"""The hub's services: managed, external, and made while it runs."""
