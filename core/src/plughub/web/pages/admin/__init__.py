"""Pages of the administration console."""
