"""What llmgw costs beside a plain proxy and other gateways, and what it takes by itself: ``make bench``."""
