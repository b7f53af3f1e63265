//! What QEMU's source says of descriptions that a bundle does not tell: boards and processors are in no
//! dump, and a subsection that no stream carried has no codecs.

use super::draft::{Draft, DraftField};
use crate::vmstate::schema::{Key, Kind, Size};

/// A field by its description, with codec and bytes.
type Known = (&'static str, &'static str, &'static str, u32);

/// Scalars. The dump's size of the field in memory must be the same, where it has one.
///
/// | description | source |
/// | --- | --- |
/// | s390_chp_info | hw/s390x/css.c; up to 9.2 it is described as NULL |
/// | qemu-s390-flic-full, -io | hw/intc/s390_flic.c |
/// | spapr_pci/msi | hw/ppc/spapr_pci.c |
/// | clock/muldiv | hw/core/clock-vmstate.c |
/// | arm_gicv3_cpu/gicv4 | hw/intc/arm_gicv3_common.c |
const SCALARS: [Known; 16] = [
    ("s390_chp_info", "in_use", "uint8", 1),
    ("s390_chp_info", "type", "uint8", 1),
    ("s390_chp_info", "is_virtual", "uint8", 1),
    ("qemu-s390-flic-full", "pending", "uint32", 4),
    ("qemu-s390-flic-full", "service_param", "uint32", 4),
    ("qemu-s390-flic-io", "id", "uint16", 2),
    ("qemu-s390-flic-io", "nr", "uint16", 2),
    ("qemu-s390-flic-io", "parm", "uint32", 4),
    ("qemu-s390-flic-io", "word", "uint32", 4),
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

/// The kind of a field that nothing else tells; `nested` is the description that was entered for it.
#[must_use]
pub fn kind(draft: &Draft, field: &DraftField, nested: Option<Key>) -> Option<Kind> {
    let place = (draft.name.as_str(), field.name.as_str());
    if let Some(vmsd) = nested.filter(|_| STRUCTS.contains(&place)) {
        return Some(Kind::Struct { vmsd });
    }
    let (_, _, info, size) = SCALARS.iter().find(|known| (known.0, known.1) == place)?;
    let fits = field.nested.is_empty() && field.memory.is_none_or(|memory| memory == *size);
    fits.then(|| Kind::Leaf { info: (*info).to_owned(), size: Size::Fixed(*size) })
}

/// The minimum version of a processor's description.
///
/// Segments of PowerPC (`vmstate_slb`, target/ppc/machine.c) are taken in version 1 to this day; of RISC-V
/// (target/riscv/machine.c) every new version has been the least, too: 10.0 refuses 5, 11.1 refuses 10.
#[must_use]
pub fn minimum(draft: &Draft) -> Option<u32> {
    let has = |name: &str| draft.fields.iter().any(|field| field.name == name);
    match draft.name.as_str() {
        "cpu/slb" => Some(1),
        "cpu" if has("env.misa_mxl") || has("env.misa") => Some(draft.version),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(name: &str, fields: &[&str]) -> Draft {
        let field = |name: &&str| DraftField { name: (*name).to_owned(), ..DraftField::default() };
        let fields = fields.iter().map(field).collect();
        Draft { name: name.to_owned(), version: 5, fields, ..Draft::default() }
    }

    #[test]
    fn a_scalar_has_the_size_that_the_dump_tells() {
        let draft = draft("spapr_pci/msi", &["key", "other"]);
        let mut field = draft.fields[0].clone();
        let known = Kind::Leaf { info: "uint32".to_owned(), size: Size::Fixed(4) };
        assert_eq!(kind(&draft, &field, None), Some(known.clone()));
        field.memory = Some(4);
        assert_eq!(kind(&draft, &field, None), Some(known));
        field.memory = Some(8);
        assert_eq!(kind(&draft, &field, None), None);
        assert_eq!(kind(&draft, &draft.fields[1], None), None);
    }

    #[test]
    fn structures_are_known_where_something_was_entered() {
        let draft = draft("s390_css_img", &["chpids"]);
        let entered = Some("s390_chp_info".to_owned());
        let known = Kind::Struct { vmsd: "s390_chp_info".to_owned() };
        assert_eq!(kind(&draft, &draft.fields[0], entered), Some(known));
        assert_eq!(kind(&draft, &draft.fields[0], None), None);
    }

    #[test]
    fn minimum_versions_of_processors() {
        assert_eq!(minimum(&draft("cpu/slb", &[])), Some(1));
        assert_eq!(minimum(&draft("cpu", &["env.misa_mxl"])), Some(5));
        assert_eq!(minimum(&draft("cpu", &["env.regs"])), None);
    }
}
