"""The hub's certificate authorities, and the certificates that they sign."""
