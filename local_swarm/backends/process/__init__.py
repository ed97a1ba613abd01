"""Engines in child processes of their own: what all of them share, whatever computes in them."""
