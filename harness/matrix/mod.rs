//! Room `matrix`.
