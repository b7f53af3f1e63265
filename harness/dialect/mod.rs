//! Room `dialect`.
