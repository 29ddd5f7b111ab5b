"""What can refuse a request: policy, kill switch, rate limit, budget, idempotency."""
