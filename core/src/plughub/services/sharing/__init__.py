"""Shares of servers with other users and groups."""
