"""Rules and records of the domain, which depend on nothing but the standard library and idna."""
