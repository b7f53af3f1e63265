//! Handlers of a composed machine, and a destination of them.

use super::composed::{BuildTables, COMPOSED};
use super::fill::filled;
use super::kvm;
use super::layouts::{LayoutCache, RAM};
use super::machine::{Machine, SentSection};
use crate::release::catalogue::Entry;
use crate::release::library::{Library, LibraryError};
use crate::stream::Destination;
use crate::vmstate::codec::slirp;
use crate::vmstate::schema::{Answers, Body, Handler, Handlers, Tables};

pub(super) fn handler(entry: &Entry, idstr: String, instance_id: u32, answers: Answers) -> Handler {
    Handler {
        idstr,
        instance_id,
        alias_id: entry.alias_id,
        version_id: entry.version_id,
        compat: None,
        body: entry.body.clone(),
        answers,
        inherited_from: None,
    }
}

/// The tables of a release with what they lack and the machine's stream has, of the release that sent it
/// also what only the stream tells; `None` if that is nothing.
pub(super) fn completed_tables(
    library: &Library,
    build: &BuildTables<'_>,
    machine: &Machine,
    sent: bool,
) -> Option<Tables> {
    let reported = sent.then(|| filled(build.tables, &machine.described_tables.0)).flatten();
    let version = library.version(build.release).ok()?;
    kvm::with_clock(reported.as_ref().unwrap_or(build.tables), machine, version).or(reported)
}

/// Sections of what stands behind devices: name, version, alias. `audio` has no fields
/// (`vmstate_audio`), and is there as soon as there is an audio backend.
const BY_HAND: [(&str, u32, i64); 2] = [("slirp", slirp::VERSION, 0), ("audio", 1, -1)];

/// The handler of a section that no device registers and that has one form in every release, or of
/// one with a loader of its own.
pub(super) fn by_hand(sent: &SentSection, loaders: &[Handler]) -> Option<Handler> {
    if let Some(own) = loaders.iter().find(|h| h.idstr == sent.idstr) {
        return Some(Handler { instance_id: sent.instance_id, ..own.clone() });
    }
    if sent.idstr == kvm::CLOCK {
        let body = Body::Vmsd(kvm::CLOCK.to_owned());
        return Some(Handler { version_id: 1, body, ..unknown(sent, kvm::CLOCK) });
    }
    let (_, version_id, alias_id) = BY_HAND.into_iter().find(|(name, ..)| *name == sent.idstr)?;
    Some(Handler { alias_id, version_id, ..unknown(sent, &sent.idstr) })
}

/// A section of which nothing is known.
pub(super) fn unknown(sent: &SentSection, what: &str) -> Handler {
    Handler {
        idstr: sent.idstr.clone(),
        instance_id: sent.instance_id,
        alias_id: -1,
        version_id: u32::MAX,
        compat: None,
        body: Body::Loader(what.to_owned()),
        answers: Answers::default(),
        inherited_from: None,
    }
}

/// A destination with the live handlers and these.
pub(super) fn destination_of(
    cache: &LayoutCache<'_>,
    build: &BuildTables<'_>,
    machine: &str,
    mut sections: Vec<Handler>,
) -> Result<Destination, LibraryError> {
    // A downstream that bumps a description bumps the section that it is the body of.
    for handler in &mut sections {
        if let Body::Vmsd(key) = &handler.body
            && let Some(vmsd) = build.tables.vmsd.get(key)
        {
            handler.version_id = handler.version_id.max(vmsd.version_id);
        }
    }
    // What is sent in parts is no section of the stream's here.
    let live = cache.loaders(build.release, machine)?;
    let live = live.iter().filter(|own| sections.iter().all(|h| h.idstr != own.idstr));
    let live: Vec<Handler> = live.cloned().collect();
    let ram = Handler {
        idstr: RAM.to_owned(),
        instance_id: 0,
        alias_id: 0,
        version_id: 4,
        compat: None,
        body: Body::Loader("ram_load".to_owned()),
        answers: Answers::default(),
        inherited_from: None,
    };
    let list = Handlers {
        release: build.release.to_owned(),
        machine: machine.to_owned(),
        scenario: COMPOSED.to_owned(),
        origin: COMPOSED.to_owned(),
        handlers: std::iter::once(ram).chain(sections).chain(live).collect(),
        ..Handlers::default()
    };
    let mut destination = cache.library.build(&list, build.tables)?;
    build.name.clone_into(&mut destination.release);
    Ok(destination)
}
