"""The gateway's HTTP face: OpenAI's protocol, the control surface, Prometheus."""
