"""Sharing servers with other people."""
