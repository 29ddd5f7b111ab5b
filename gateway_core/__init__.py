"""The gateway: answers each request from the cheapest place that will do."""
