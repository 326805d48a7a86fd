"""Servers: start and stop requests, polling, and orphans."""
