"""What is around a local server: memory, GPU and disk, and whether a model fits them."""
