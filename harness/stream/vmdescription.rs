//! VMDESCRIPTION: the JSON that a source appends to its stream (2.3 and later).
