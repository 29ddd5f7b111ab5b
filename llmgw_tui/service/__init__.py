"""``llmgw service``: the gateway as a service of the user's, under systemd or launchd."""
