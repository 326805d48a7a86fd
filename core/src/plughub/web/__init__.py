"""Pages and API: thin tornado handlers over the services."""
