"""Coordination of hub processes: hub registry, leases, change feed and background loops."""
