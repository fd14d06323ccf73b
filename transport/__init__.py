"""The way out, the same for every exchange: limit, nonce, signature, one request, and its reply."""
