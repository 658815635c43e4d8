"""Files of any kind: written atomically, checked, downloaded and cached."""
