"""Reports for administrators: usage, health, announcement."""
