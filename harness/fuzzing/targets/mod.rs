//! Bodies of the fuzz targets, one file each.

pub mod subsection_decode;
