"""Events, the audit trail, metrics and limits for the log."""
