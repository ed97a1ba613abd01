"""A machine in, figures out: how fast this program is here, as ratios measured in one run."""
