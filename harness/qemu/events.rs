//! The fields that a traced load read.
