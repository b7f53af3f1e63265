//! The framing: a whole stream around generated sections, with the map of what was written where.

use super::{Feature, Features, Side};
use crate::dialect::{Dialect, PointerMarkers, Version};
use crate::fuzzing::dice::Dice;
use crate::fuzzing::generate::tree::Tree;
use crate::stream::{Destination, Section, record, save};
use crate::vmstate::schema::{Answers, Body, Handler};
use crate::vmstate::{Saver, Values};
use crate::wire::map::Item;
use crate::wire::{Fault, Map, Result, planted};

/// A stream with the truth about it.
#[derive(Debug)]
pub struct Written<'d> {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What was written as what.
    pub map: Map<'d>,
    /// End of the state: what follows is a description.
    pub state_end: u64,
}

/// The framing that source and destination agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Framing {
    /// Sections have footers.
    pub footers: bool,
    /// A description follows the end.
    pub description: bool,
    /// Auto-allocated pointers have markers (11.1).
    pub markers: bool,
    /// Commands stand between the sections (2.5).
    pub commands: bool,
}

impl Framing {
    /// A framing, noted as features.
    pub fn choose(dice: &mut Dice<'_>, features: &mut Features) -> Self {
        let bits = dice.byte();
        let framing = Framing {
            footers: bits & 1 != 0,
            description: bits & 2 != 0,
            markers: bits & 4 != 0,
            // Older rules refuse them all.
            commands: bits & 0x38 == 0x38,
        };
        for (on, feature) in [
            (framing.footers, Feature::Footers),
            (framing.description, Feature::Description),
            (framing.commands, Feature::Commands),
        ] {
            if on {
                features.add(feature);
            }
        }
        framing
    }

    /// The rules of a release, but for this framing and without a configuration.
    #[must_use]
    pub fn dialect(self, release: Version) -> Dialect {
        let mut dialect = Dialect::of(release, "pc");
        dialect.configuration = None;
        dialect.footers = self.footers;
        dialect.description = self.description;
        dialect.pointers =
            if self.markers { PointerMarkers::NullOrValid } else { PointerMarkers::Null };
        dialect
    }
}

/// Makes the source side: one to three sections, each with a tree of its own.
pub fn source(dice: &mut Dice<'_>, features: &mut Features) -> Side {
    let mut side = Side::default();
    side.tables.release = "2.3.1".to_string();
    side.handlers.release.clone_from(&side.tables.release);
    side.handlers.machine = "pc".to_string();
    let sections = 1 + dice.below(3);
    if sections > 1 {
        features.add(Feature::SeveralSections);
    }
    for name in ["dev", "a", "device"].into_iter().take(sections) {
        let mut tree = Tree { tables: &mut side.tables, dice, features };
        let key = tree.section(name);
        let version_id = side.tables.vmsd.get(&key).map_or(0, |v| v.version_id);
        side.handlers.handlers.push(Handler {
            idstr: name.to_string(),
            instance_id: 0,
            alias_id: -1,
            version_id,
            compat: None,
            body: Body::Vmsd(key),
            answers: Answers::default(),
            inherited_from: None,
        });
    }
    side
}

/// Commands as a sender gives them: number and data. The data of an echo is anything.
const COMMANDS: [(u16, &[u8]); 3] =
    [(1, &[]), (2, &[record::FULL, record::FOOTER, record::EOF, record::COMMAND]), (11, &[])];

fn command<V: Values>(saver: &mut Saver<'_, '_, V>, number: usize) {
    let Some((number, data)) = COMMANDS.get(number % COMMANDS.len()) else { return };
    let at = saver.writer.offset();
    saver.writer.u8(record::COMMAND);
    saver.writer.put(&number.to_be_bytes());
    saver.writer.put(&(data.len() as u16).to_be_bytes());
    saver.writer.put(data);
    saver.map.note(Item::framing("command"), at, saver.writer.offset() - at);
}

/// Writes all sections of a side, in order.
///
/// # Errors
/// Values that do not fit: a fault of the generator.
pub fn write<'d>(
    by: &'d Destination,
    count: usize,
    framing: Framing,
    values: &mut impl Values,
) -> Result<Written<'d>> {
    let mut saver = Saver::new(values);
    save::header(&mut saver.writer);
    saver.map.note(Item::framing("header"), 0, 8);
    for (i, handler) in by.handlers.iter().take(count).enumerate() {
        if framing.commands {
            command(&mut saver, i);
        }
        let at = saver.writer.offset();
        let section = Section {
            record: record::FULL,
            offset: at,
            id: i as u32 + 1,
            idstr: handler.idstr.clone().into_bytes(),
            instance_id: handler.instance_id,
            version_id: handler.version_id,
            handler: i,
            body: 0,
            end: 0,
        };
        save::section_header(&mut saver.writer, &section);
        saver.map.note(Item::framing("section header"), at, saver.writer.offset() - at);
        save::payload(by, &section, &mut saver)?;
        if framing.footers {
            let at = saver.writer.offset();
            let wrong = u32::from(planted(Fault::FooterWrittenWrong));
            save::footer(&mut saver.writer, section.id + wrong);
            saver.map.note(Item::framing("section footer"), at, 5);
        }
    }
    if framing.commands {
        command(&mut saver, count);
    }
    let at = saver.writer.offset();
    saver.writer.u8(record::EOF);
    saver.map.note(Item::framing("end of stream"), at, 1);
    let state_end = at + 1;
    if framing.description {
        saver.writer.u8(record::VMDESCRIPTION);
        saver.writer.be32(2);
        saver.writer.put(b"{}");
        saver.map.note(Item::framing("vmdescription"), state_end, 7);
    }
    Ok(Written { bytes: saver.writer.into_bytes(), map: saver.map, state_end })
}
