"""Encryption and storage of auth state."""
