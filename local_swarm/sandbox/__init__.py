"""Programs and calls in, what they returned out, run where they can do nothing but compute."""
