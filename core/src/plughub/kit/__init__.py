"""Kit for authors of plugins: generator of a package, and checks of a plugin."""
