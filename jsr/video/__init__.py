"""Video files: frames in and out, everything else copied. Files that import PyAV, an extra, are imported when used."""
