"""Networks that judge pictures: discriminators, and those whose features measure likeness."""
