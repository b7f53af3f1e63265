//! Importer for tables that a debugger read out of a running binary.
