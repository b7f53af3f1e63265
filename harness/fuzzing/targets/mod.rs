//! Bodies of the fuzz targets, one file each.

pub mod feed_independence;
pub mod section_decode;
pub mod subsection_decode;
