//! Room `stream`: header, sections, RAM, description, end of stream.

pub mod vmdescription;
