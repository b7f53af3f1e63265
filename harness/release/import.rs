//! `crossload import`: a folder laid out like the shared data into a corpus.
