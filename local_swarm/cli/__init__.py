"""The command line: words in, a swarm or an answer out. One module for each group of commands."""
