"""Our own functions and foreign text in, their results out: run in child processes under limits on time and memory."""
