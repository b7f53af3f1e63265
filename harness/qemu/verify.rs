//! Loads by a binary beside the model's.
