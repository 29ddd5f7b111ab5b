"""Downloads of models: several at once, with progress that never runs backwards."""
