"""Rules and records of the field; nothing but the standard library."""
