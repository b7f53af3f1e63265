//! Bodies of the fuzz targets, one file each.
//!
//! | target | truth |
//! | --- | --- |
//! | [`subsection_decode`], [`section_decode`] | the generator's map, and the second opinion |
//! | [`designs_decode`] | the generator's machine, and the claims of each design |
//! | [`roundtrip`] | the stream itself |
//! | [`feed_independence`] | the same bytes in one piece |
//! | [`fixture_mutate`] | the meaning of the unchanged fixture |
//! | [`stream_decode`] | none: bounds, any feed, and what is accepted is saved again |
//! | [`description_parse`], [`import_parse`] | none: bounds, and no panic |
//! | [`input_open`] | none: bounds, and any place is what is read in order |

pub mod description_parse;
pub mod designs_decode;
pub mod feed_independence;
pub mod fixture_mutate;
pub mod import_parse;
pub mod input_open;
pub mod roundtrip;
pub mod section_decode;
pub mod stream_decode;
pub mod subsection_decode;
