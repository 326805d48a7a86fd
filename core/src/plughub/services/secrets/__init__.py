"""Encryption of users' secrets, and their storage."""
