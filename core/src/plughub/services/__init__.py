"""What the hub does, in use cases; they know plugins and storage through their contracts only."""
