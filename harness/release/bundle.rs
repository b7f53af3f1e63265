//! Importer for a bundle: trace log of a self-load, `-dump-vmstate`, captured streams.
