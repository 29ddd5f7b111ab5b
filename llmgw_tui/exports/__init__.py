"""A kept request as something that runs elsewhere: a curl command, a Python script, or JSON."""
