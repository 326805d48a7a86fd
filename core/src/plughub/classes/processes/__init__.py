"""Processes of this machine: launched, found again, and told from others."""
