//! A fixture as it is sent under other framing rules: footers put in or left out.
//!
//! RAM pages are left out; the records around them stay, so that every section begins as it did.

use super::DriftError;
use crate::dialect::Subsections;
use crate::release::library::Library;
use crate::release::provenance::Fixture;
use crate::stream::{Body, Destination, Loaded, load, save};
use crate::trace::Meaning;
use crate::wire::{Feed, Kind, Result, Writer};

/// The two framing rules on which detection depends: how a subsection is recognised, and whether
/// a footer ends each section. Everything else stays as the release has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// How a subsection is recognised.
    pub subsections: Subsections,
    /// Whether each section ends with a footer.
    pub footers: bool,
}

impl Rule {
    /// All combinations, in order of appearance.
    pub const ALL: [Rule; 8] = {
        use Subsections::{None, OneByte, OneByteListed, Prefix};
        [
            Rule { subsections: None, footers: false },
            Rule { subsections: OneByte, footers: false },
            Rule { subsections: OneByteListed, footers: false },
            Rule { subsections: Prefix, footers: false },
            Rule { subsections: None, footers: true },
            Rule { subsections: OneByte, footers: true },
            Rule { subsections: OneByteListed, footers: true },
            Rule { subsections: Prefix, footers: true },
        ]
    };

    /// The rules in words, with the first release that had them.
    #[must_use]
    pub fn name(self) -> &'static str {
        match (self.subsections, self.footers) {
            (Subsections::None, false) => "no subsections (0.12)",
            (Subsections::OneByte, false) => "one byte (0.13)",
            (Subsections::OneByteListed, false) => "one byte, listed (0.14)",
            (Subsections::Prefix, false) => "prefix (1.0)",
            (Subsections::None, true) => "no subsections + footers",
            (Subsections::OneByte, true) => "one byte + footers",
            (Subsections::OneByteListed, true) => "one byte, listed + footers",
            (Subsections::Prefix, true) => "prefix + footers (2.4)",
        }
    }
}

/// A fixture under a [`Rule`].
#[derive(Debug)]
pub struct Base {
    /// Release, machine type and scenario, as in messages.
    pub fixture: String,
    /// The rules.
    pub rule: Rule,
    /// Whether these are the rules that the release has for this machine type.
    pub own: bool,
    /// The release itself, with these rules.
    pub to: Destination,
    /// The stream as it is sent under these rules, without RAM pages.
    pub stream: Vec<u8>,
}

impl Base {
    /// A fixture under a rule. `None` if the rule does not load it: then it does not apply.
    ///
    /// # Errors
    /// A fixture that its own release does not load.
    pub fn of(
        library: &Library,
        fixture: &Fixture,
        rule: Rule,
    ) -> std::result::Result<Option<Self>, DriftError> {
        let wrong = |why: String| DriftError::Fixture { fixture: fixture.id(), why };
        let Some(mut to) =
            library.destination(&fixture.release, &fixture.machine, &fixture.scenario)?
        else {
            return Err(wrong("the corpus does not say which handlers it has".to_string()));
        };
        let captured = library.corpus().stream(fixture)?;
        let meaning = Meaning::of(&to, &captured).map_err(wrong)?;
        let stream = reframed(&meaning, &captured, rule.footers)
            .map_err(|source| DriftError::Stream { fixture: fixture.id(), source })?;
        let sent = identities(&meaning.loaded);
        let own = Rule { subsections: to.dialect.subsections, footers: to.dialect.footers } == rule;
        to.dialect.subsections = rule.subsections;
        // An assertion that 0.14 has together with its rule.
        to.dialect.flat_subsections = rule.subsections == Subsections::OneByteListed;
        to.dialect.footers = rule.footers;
        let loaded = load(&to, &mut stream.as_slice(), &Feed::Bulk);
        let applies = loaded.refused.is_none()
            && loaded.stopped == stream.len() as u64
            && identities(&loaded) == sent;
        drop(loaded);
        Ok(applies.then(|| Base { fixture: fixture.id(), rule, own, to, stream }))
    }

    /// What the release makes of the unchanged stream.
    #[must_use]
    pub fn loaded(&self) -> Loaded<'_> {
        load(&self.to, &mut self.stream.as_slice(), &Feed::Bulk)
    }
}

/// What is sent, in order, but for footers and RAM pages.
fn identities(loaded: &Loaded<'_>) -> Vec<u64> {
    let spans = loaded.map.spans().iter();
    spans.filter(|s| s.name != "section footer" && s.info != "ram").map(|s| s.identity).collect()
}

/// The stream with or without footers, without RAM pages.
fn reframed(meaning: &Meaning<'_>, stream: &[u8], footers: bool) -> Result<Vec<u8>> {
    let (from, loaded) = (meaning.source, &meaning.loaded);
    let mut writer = Writer::new();
    let mut done = 0;
    for section in &loaded.sections {
        writer.put(slice(stream, done, section.body)?);
        let ram = from.handlers.get(section.handler).is_some_and(|h| h.body == Body::Ram);
        if ram {
            let records =
                loaded.map.spans().iter().filter(|s| {
                    s.info == "ram" && s.offset >= section.body && s.offset < section.end
                });
            for record in records.filter(|s| s.name != "pages") {
                writer.put(slice(stream, record.offset, record.offset + record.len)?);
            }
        } else {
            writer.put(slice(stream, section.body, section.end)?);
        }
        done = section.end;
        if footers {
            save::footer(&mut writer, section.id);
        }
        if from.dialect.footers {
            done += FOOTER;
        }
    }
    writer.put(slice(stream, done, stream.len() as u64)?);
    Ok(writer.into_bytes())
}

/// Bytes of a footer: type and section id.
const FOOTER: u64 = 5;

fn slice(stream: &[u8], from: u64, to: u64) -> Result<&[u8]> {
    let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    range
        .and_then(|(from, to)| stream.get(from..to))
        .ok_or_else(|| Kind::Limit(format!("bytes {from} to {to} of the stream")).at(from))
}
