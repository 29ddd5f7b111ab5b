"""The local server: finding it, its models, and managing them over Ollama's native API."""
