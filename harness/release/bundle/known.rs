//! Codecs and subsections that a bundle does not have, from QEMU's source: boards and processors are in no
//! dump, and a subsection that no stream carried has no codecs.

use super::partial::{Partial, PartialField};
use crate::dialect::Version;
use crate::release::list_elements;
use crate::vmstate::schema::{Count, Field, Key, Kind, Size, Vmsd};

/// A field by its description, with codec and bytes.
type Known = (&'static str, &'static str, &'static str, u32);

/// Scalars, but for those of [list elements](list_elements). The dump's size of the field in memory must be
/// the same, where it has one.
///
/// | description | source |
/// | --- | --- |
/// | s390_chp_info | hw/s390x/css.c; up to 9.2 it is described as NULL |
/// | qemu-s390-flic-full | hw/intc/s390_flic.c |
/// | spapr_pci/msi | hw/ppc/spapr_pci.c |
/// | clock/muldiv | hw/core/clock-vmstate.c |
/// | arm_gicv3_cpu/gicv4 | hw/intc/arm_gicv3_common.c |
const SCALARS: [Known; 12] = [
    ("s390_chp_info", "in_use", "uint8", 1),
    ("s390_chp_info", "type", "uint8", 1),
    ("s390_chp_info", "is_virtual", "uint8", 1),
    ("qemu-s390-flic-full", "pending", "uint32", 4),
    ("qemu-s390-flic-full", "service_param", "uint32", 4),
    ("spapr_pci/msi", "key", "uint32", 4),
    ("spapr_pci/msi", "value.first_irq", "uint32", 4),
    ("spapr_pci/msi", "value.num", "uint32", 4),
    ("clock/muldiv", "multiplier", "uint32", 4),
    ("clock/muldiv", "divider", "uint32", 4),
    ("arm_gicv3_cpu/gicv4", "gicr_vpropbaser", "uint64", 8),
    ("arm_gicv3_cpu/gicv4", "gicr_vpendbaser", "uint64", 8),
];

/// Structures that a trace enters, and nothing tells what reads them.
const STRUCTS: [(&str, &str); 2] = [("s390_css_img", "chpids"), ("s390_css", "css")];

/// A subsection that a board or a processor has, whether its own streams carry it or not.
struct Optional {
    /// What has it, and a field that tells it from others of that name.
    owner: (&'static str, &'static str),
    name: &'static str,
    /// Its only field, with codec and bytes.
    field: (&'static str, &'static str, u32),
    /// The first release that has it.
    from: Version,
}

/// Those of version 1 with one field.
///
/// | subsection | source |
/// | --- | --- |
/// | spapr/cap/hpt_maxpagesize | hw/ppc/spapr_caps.c |
/// | cpu/wfxt-timer | target/arm/machine.c |
const SUBSECTIONS: [Optional; 2] = [
    Optional {
        owner: ("spapr", "tb"),
        name: "spapr/cap/hpt_maxpagesize",
        field: ("mig.caps[0x06]", "uint8", 1),
        from: Version::new(4, 1, 0),
    },
    Optional {
        owner: ("cpu", "cpreg_vmstate_array_len"),
        name: "cpu/wfxt-timer",
        field: ("wfxt_timer", "timer", 8),
        from: Version::new(9, 1, 0),
    },
];

/// Subsections that a partial description has in a release, beside those that were seen.
pub fn subsections(partial: &Partial, release: Version) -> impl Iterator<Item = Vmsd> {
    let has = |name: &str| partial.fields.iter().any(|field| field.name == name);
    let known = SUBSECTIONS.iter().filter(move |known| {
        known.owner.0 == partial.name && has(known.owner.1) && release >= known.from
    });
    known.map(|known| {
        let (name, info, size) = known.field;
        let kind = Kind::Leaf { info: info.to_owned(), size: Size::Fixed(size) };
        Vmsd::plain(known.name, vec![Field::plain(name, kind, Count::One)])
    })
}

/// The kind of a field that nothing else tells; `nested` is the description that was entered for it.
#[must_use]
pub fn kind(partial: &Partial, field: &PartialField, nested: Option<Key>) -> Option<Kind> {
    let place = (partial.name.as_str(), field.name.as_str());
    if let Some(vmsd) = nested.filter(|_| STRUCTS.contains(&place)) {
        return Some(Kind::Struct { vmsd });
    }
    let (info, size) = scalar(partial, field)?;
    Some(Kind::Leaf { info: info.to_owned(), size: Size::Fixed(size) })
}

/// Codec and bytes of a field that is known to be one scalar.
#[must_use]
pub fn scalar(partial: &Partial, field: &PartialField) -> Option<(&'static str, u32)> {
    let place = (partial.name.as_str(), field.name.as_str());
    let known = SCALARS.iter().find(|known| (known.0, known.1) == place);
    let known = known.map(|(_, _, info, size)| (*info, *size));
    let (info, size) = known.or_else(|| list_elements::scalar(place.0, place.1))?;
    let fits = field.nested.is_empty() && field.memory.is_none_or(|memory| memory == size);
    fits.then_some((info, size))
}

/// Buffers that are as long as a field before them says, where neither the dump nor the names tell which:
/// description, buffer, and the field (hw/nvram/spapr_nvram.c).
const SIZED: [(&str, &str, &str); 1] = [("spapr_nvram", "buf", "size")];

/// The field that says how many elements an array has, where nothing else does (hw/ppc/spapr_iommu.c).
#[must_use]
pub fn count_field(partial: &Partial, array: &str) -> Option<&'static str> {
    let place = (partial.name.as_str(), array);
    (place == ("spapr_iommu", "mig_table")).then_some("mig_nb_table")
}

/// The field that says how long a buffer is.
#[must_use]
pub fn size_field(partial: &Partial, buffer: &str) -> Option<&'static str> {
    let known = |(of, name, _): &&(&str, &str, &str)| *of == partial.name && *name == buffer;
    SIZED.iter().find(known).map(|(_, _, field)| *field)
}

/// The first version of a description that has a field, where it is not all of them.
///
/// The local interrupts of s390x are in target/s390x/machine.c, the flag of a pseries machine's default
/// window (7.1 on) in hw/ppc/spapr_iommu.c.
#[must_use]
pub fn version(partial: &Partial, field: &str) -> Option<u32> {
    match (partial.name.as_str(), field) {
        ("cpu", "irqstate_saved_size" | "irqstate") => Some(4),
        ("spapr_iommu", "def_win") => Some(3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(name: &str, fields: &[&str]) -> Partial {
        let field =
            |name: &&str| PartialField { name: (*name).to_owned(), ..PartialField::default() };
        let fields = fields.iter().map(field).collect();
        Partial { name: name.to_owned(), version: 5, fields, ..Partial::default() }
    }

    #[rstest::rstest]
    #[case("spapr_nvram", "buf", Some("size"))]
    #[case("spapr_nvram", "size", None)]
    #[case("macio_nvram", "buf", None)]
    fn a_buffer_is_as_long_as_a_field_says(
        #[case] name: &str,
        #[case] buffer: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(size_field(&partial(name, &["size", "buf"]), buffer), expected);
    }

    #[test]
    fn a_scalar_has_the_size_that_the_dump_tells() {
        let partial = partial("spapr_pci/msi", &["key", "other"]);
        let mut field = partial.fields[0].clone();
        let known = Kind::Leaf { info: "uint32".to_owned(), size: Size::Fixed(4) };
        assert_eq!(kind(&partial, &field, None), Some(known.clone()));
        field.memory = Some(4);
        assert_eq!(kind(&partial, &field, None), Some(known));
        field.memory = Some(8);
        assert_eq!(kind(&partial, &field, None), None);
        assert_eq!(kind(&partial, &partial.fields[1], None), None);
    }

    #[test]
    fn structures_are_known_where_something_was_entered() {
        let partial = partial("s390_css_img", &["chpids"]);
        let entered = Some("s390_chp_info".to_owned());
        let known = Kind::Struct { vmsd: "s390_chp_info".to_owned() };
        assert_eq!(kind(&partial, &partial.fields[0], entered), Some(known));
        assert_eq!(kind(&partial, &partial.fields[0], None), None);
    }

    #[rstest::rstest]
    #[case("cpu", "cpreg_vmstate_array_len", "10.0.0", &["cpu/wfxt-timer"])]
    #[case("cpu", "cpreg_vmstate_array_len", "7.2.0", &[])]
    #[case("cpu", "env.spr", "10.0.0", &[])]
    #[case("spapr", "tb", "11.1.0", &["spapr/cap/hpt_maxpagesize"])]
    fn subsections_that_need_not_be_sent(
        #[case] name: &str,
        #[case] field: &str,
        #[case] release: &str,
        #[case] expected: &[&str],
    ) {
        let release = release.parse().expect("a release");
        let found: Vec<String> =
            subsections(&partial(name, &[field]), release).map(|vmsd| vmsd.name).collect();
        assert_eq!(found, expected);
    }
}
