//! The HTML report: the results of a run as a folder of pages that can be handed to anyone.
//!
//! Each file holds all that it needs: no network, no other file, and a browser that opens it from a
//! disk is forbidden to ask for either. The grids, plots and tables are there without a script; the
//! script filters, moves the focus by arrow keys, and shows what lies behind a cell.
//!
//! | file | holds |
//! | --- | --- |
//! | [`record`] | a run that keeps both readings around the places where they part |
//! | [`frame`] | what all pages have: head, navigation, legend, filters |
//! | [`strings`] | texts that many cells share, kept once |
//! | [`grid`] | the page of the matrix: grids by platform and machine type, findings |
//! | [`devices`] | the page of the devices: each type, by pair of releases |
//! | [`plot`] | shares as bars |
//! | [`lab`] | the pages of drift and designs |
//! | [`folder`] | the files, written aside and put in place at once |

pub mod devices;
pub mod folder;
pub mod frame;
pub mod grid;
pub mod lab;
pub mod plot;
pub mod record;
pub mod strings;

pub use folder::{FolderError, write};
pub use frame::{Page, Topic};
