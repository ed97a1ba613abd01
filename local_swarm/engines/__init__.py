"""Members of a roster in, engines with their plans out: one module for each kind, one table in `members`. Starts nothing."""
