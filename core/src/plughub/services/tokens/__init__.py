"""Authentication of requests: tokens, principals and the OAuth 2 provider."""
