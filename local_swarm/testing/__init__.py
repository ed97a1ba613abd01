"""What tests and benchmarks stand in for: a scripted engine, swarm and node, under the same contracts as the real ones."""
