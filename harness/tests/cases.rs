//! All that needs neither a real binary nor a browser, as one program: the corpus is linked into it
//! once and opened once, and every test of every file runs beside the others.
//!
//! `cargo test --test cases lab::` runs those of one file.
//!
//! | file | about |
//! | --- | --- |
//! | `agreement` | the model against real binaries, on record |
//! | `circles` | files that use each other, of which there are none |
//! | `cli` | the command as its users meet it |
//! | `config` | what matrix.toml must not say |
//! | `devices` | the matrix over devices |
//! | `fixtures` | every fixture, one case each |
//! | `formats` | JUnit, SARIF, annotations, Markdown |
//! | `framing` | rules that no observation shows |
//! | `guide` | the guide's sessions |
//! | `input` | files of every kind, and hostile ones |
//! | `inspect` | streams as a tree and as JSON |
//! | `lab` | the lab's tables and claims |
//! | `lab_page` | figures of the lab's page |
//! | `machines` | machines that nobody recorded |
//! | `matrix` | the grids |
//! | `readme` | the README's grids and verbs |
//! | `saved_again` | what real binaries saved again |
//! | `sources` | tables of both kinds compared with each other |
//! | `vendors` | distributions' builds |

mod agreement;
mod circles;
mod cli;
mod config;
mod devices;
mod fixtures;
mod formats;
mod framing;
mod guide;
mod input;
mod inspect;
mod lab;
mod lab_page;
mod machines;
mod matrix;
mod readme;
mod saved_again;
mod sources;
mod support;
mod vendors;
