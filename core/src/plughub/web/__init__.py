"""Pages and API: tornado handlers on top of the services."""
