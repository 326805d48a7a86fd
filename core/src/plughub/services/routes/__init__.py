"""The proxy, its routes, and the activity that it reports."""
