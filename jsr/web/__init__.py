"""The page of `jsr.serve`: a server for one browser on the same machine, its queue, and the files of the page."""
