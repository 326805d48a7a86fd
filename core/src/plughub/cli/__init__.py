"""Command-line interface: the command ``hub``."""
