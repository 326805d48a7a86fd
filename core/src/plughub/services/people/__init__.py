"""Users and groups: who they are, how they come in, and how they go."""
