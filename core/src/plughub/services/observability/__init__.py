"""What is told and kept of what goes on: events, the audit trail, metrics."""
