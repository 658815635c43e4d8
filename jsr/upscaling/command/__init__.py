"""The command `jsr infer`: its options, what it prepares and prints, and the shares of several processes."""
