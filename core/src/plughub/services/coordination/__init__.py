"""What several hub processes share: the hub registry with its heartbeats, leases, and the change feed."""
