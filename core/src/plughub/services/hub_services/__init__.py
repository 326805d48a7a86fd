"""Services of the hub: managed, external, and created through the API."""
