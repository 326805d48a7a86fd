"""What the services ask of the storage, noun by noun."""
