"""Who makes a request: tokens, cookies and the OAuth2 provider."""
