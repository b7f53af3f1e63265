//! What is unknown of a processor's description: it is of no device class, so no dump has it.

use super::schema::{Unknown, Vmsd};

/// Subsections of a PC's processor that no table on record has (target/i386/machine.c): two of KVM's, as no
/// recording has KVM, and three that are newer than the last table that a debugger read.
const SUBSECTIONS: [&str; 5] =
    ["cpu/kvm_nested_state", "cpu/xen_vcpu", "cpu/fred", "cpu/msr_hwcr", "cpu/cet"];

/// What is unknown of a description.
pub(super) fn unknown(source: &Vmsd) -> Unknown {
    let is_pc = source.name == "cpu" && source.fields.iter().any(|field| field.name == "env.eip");
    if !is_pc || source.unknown.subsections {
        return source.unknown.clone();
    }
    let has = |name: &&&str| source.subsections.iter().any(|own| own.vmsd == **name);
    let among = SUBSECTIONS.iter().filter(|name| !has(name)).map(|name| (*name).to_owned());
    Unknown { subsections: true, among: among.collect(), ..source.unknown.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vmstate::schema::{Count, Field, Kind, Size, Subsection};

    #[rstest::rstest]
    #[case("cpu", "env.eip", "cpu/fred", true)]
    // A name that nobody has, one that the tables have, another processor, another description.
    #[case("cpu", "env.eip", "cpu/fret", false)]
    #[case("cpu", "env.eip", "cpu/cet", false)]
    #[case("cpu", "env.regs", "cpu/fred", false)]
    #[case("fpu", "env.eip", "cpu/fred", false)]
    fn names_that_a_pc_s_processor_may_have(
        #[case] vmsd: &str,
        #[case] field: &str,
        #[case] subsection: &str,
        #[case] open: bool,
    ) {
        let kind = Kind::Leaf { info: "uint64".to_owned(), size: Size::Fixed(8) };
        let mut source = Vmsd::plain(vmsd, vec![Field::plain(field, kind, Count::One)]);
        source.subsections.push(Subsection { vmsd: "cpu/cet".to_owned(), needed: None });
        assert_eq!(unknown(&source).may_have(subsection), open);
    }
}
