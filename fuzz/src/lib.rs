//! Fuzz targets of crossload; see README.
