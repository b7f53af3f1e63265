//! The handlers of one destination, as its self-load or its VMDESCRIPTION names them.

use std::collections::BTreeMap;

use super::inherit::OtherReleases;
use crate::release::notes::Note;
use crate::vmstate::schema::{Answers, Body, Compat, Handler, Handlers, Key};

/// One section of a stream.
#[derive(Debug, Clone)]
pub struct SentSection {
    /// The section's idstr.
    pub idstr: String,
    /// The section's instance id.
    pub instance_id: u32,
    /// The section's version.
    pub version_id: u32,
    /// Name and key of its description; none for a hand-written loader.
    pub vmsd: Option<(String, Key)>,
}

/// Adds a handler for each of `sent`, in that order, which is the order of registration as far as
/// a stream shows it: live sections come first, others by priority.
pub fn add_handlers(
    list: &mut Handlers,
    sent: Vec<SentSection>,
    others: &OtherReleases,
    notes: &mut Vec<Note>,
) {
    let mut counters: BTreeMap<String, u32> = BTreeMap::new();
    for sent in sent {
        let known = others.handler(list, &sent.idstr, sent.instance_id);
        let old = known.map(|(_, handler)| handler);
        let compat = sent.vmsd.as_ref().and_then(|(name, _)| {
            // A bus path before the name means that the old, bare name is kept.
            let path = sent.idstr.strip_suffix(name.as_str())?;
            path.ends_with('/').then(|| {
                let counter = counters.entry(name.clone()).or_default();
                *counter += 1;
                Compat { idstr: name.clone(), instance_id: *counter - 1 }
            })
        });
        let body = match (sent.vmsd, old.map(|handler| &handler.body)) {
            (Some((_, key)), _) => Body::Vmsd(key),
            (None, Some(Body::Loader(symbol))) => Body::Loader(symbol.clone()),
            (None, _) if sent.idstr == "ram" => Body::Loader("ram_load".to_owned()),
            (None, _) => Body::Loader(sent.idstr.clone()),
        };
        if old.is_none() {
            notes.push(Note::at(
                format!("{} {}", sent.idstr, sent.instance_id),
                "alias id is not told, and no other table has that handler",
            ));
        }
        list.handlers.push(Handler {
            alias_id: match (&body, old.map(|handler| handler.alias_id)) {
                (_, Some(alias)) => alias,
                (Body::Vmsd(_), None) => -1,
                (Body::Loader(_), None) => 0,
            },
            compat: old.and_then(|handler| handler.compat.clone()).or(compat),
            idstr: sent.idstr,
            instance_id: sent.instance_id,
            version_id: sent.version_id,
            body,
            answers: Answers::default(),
            inherited_from: known.map(|(release, _)| release.to_owned()),
        });
    }
    let Some(other) = others.destination(list) else { return };
    for unsent in &other.handlers {
        let same = |h: &Handler| h.idstr == unsent.idstr && h.instance_id == unsent.instance_id;
        if other.scenario == list.scenario && !list.handlers.iter().any(same) {
            notes.push(Note::at(
                format!("{} {} of {}", unsent.idstr, unsent.instance_id, list.machine),
                format!(
                    "not carried, so not known to be registered, as it is in {}",
                    other.release
                ),
            ));
        }
    }
}
