"""What files say beside their pixels: EXIF, XMP, IPTC, profiles, resolution, text, places on the earth."""
