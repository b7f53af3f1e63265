//! The clock, the only section that a machine has under KVM only. Processors, interrupt controllers and
//! timers are described as without KVM, and no recording of ours has KVM.

use super::machine::Machine;
use crate::dialect::Version;
use crate::vmstate::schema::{Count, Field, Kind, Size, Subsection, Tables, Vmsd};

/// The guest's clock (hw/i386/kvm/clock.c, `kvmclock_vmsd`): all dumps of 5.2 to 11.1 have it so.
pub const CLOCK: &str = "kvmclock";
/// Whether the source's kernel told it exactly: sent by machine types from 2.9 on.
const RELIABLE: &str = "kvmclock/clock_is_reliable";
/// The release that brought it.
const TOLD: Version = Version::new(2, 9, 0);

/// The tables with what a machine under KVM sends; `None` if it sends nothing of that, or they have it.
#[must_use]
pub fn with_clock(tables: &Tables, machine: &Machine, release: Version) -> Option<Tables> {
    let sent = machine.sections.iter().any(|sent| sent.idstr == CLOCK);
    if !sent || tables.vmsd.contains_key(CLOCK) {
        return None;
    }
    let mut tables = tables.clone();
    let mut clock = described(CLOCK, "clock", "uint64", 8);
    if release >= TOLD {
        tables
            .vmsd
            .insert(RELIABLE.to_owned(), described(RELIABLE, "clock_is_reliable", "bool", 1));
        clock.subsections.push(Subsection { vmsd: RELIABLE.to_owned(), needed: None });
    }
    tables.vmsd.insert(CLOCK.to_owned(), clock);
    Some(tables)
}

fn described(name: &str, field: &str, info: &str, width: u32) -> Vmsd {
    let kind = Kind::Leaf { info: info.to_owned(), size: Size::Fixed(width) };
    Vmsd::plain(name, vec![Field::plain(field, kind, Count::default())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::compose::machine::SentSection;

    #[test]
    fn a_clock_is_described_where_one_is_sent() {
        let sent = |name: &str| Machine {
            sections: vec![SentSection { idstr: name.to_owned(), ..SentSection::default() }],
            ..Machine::default()
        };
        let tables = Tables::default();
        let with = |name, version| with_clock(&tables, &sent(name), version);
        assert!(with("timer", Version::new(10, 0, 0)).is_none());
        let has = |tables: &Tables| tables.vmsd.keys().cloned().collect::<Vec<_>>();
        assert_eq!(has(&with(CLOCK, Version::new(2, 8, 1)).expect("tables")), [CLOCK]);
        let new = with(CLOCK, TOLD).expect("tables");
        assert_eq!(has(&new), [CLOCK, RELIABLE]);
        // What a release says itself stays.
        assert!(with_clock(&new, &sent(CLOCK), TOLD).is_none());
    }
}
