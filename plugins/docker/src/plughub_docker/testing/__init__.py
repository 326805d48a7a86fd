"""What tests need: images that are made without a registry, and containers of hubs that are killed."""
