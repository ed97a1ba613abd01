"""What the vote is made of: so far the scanners that read prompts and answers in time linear in their length."""
