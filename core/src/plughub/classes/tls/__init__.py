"""Certificate authorities of the hub, and the certificates that they sign."""
