"""Whether an answer to one prompt may be served for another: what two prompts say, compared."""
