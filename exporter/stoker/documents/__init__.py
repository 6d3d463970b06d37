"""Documents with positions in, deterministic documents out, and the user's mistakes as values."""
