//! The layouts behind `load_state_old`: four hand-written loaders, written as descriptions
//! (codecs 4). All are gone in 4.2; the mechanism is gone in 7.0.
//!
//! Field names are those of the description that replaced them, so that the bytes of an old
//! section compare by meaning.

use super::schema::{Count, Field, Kind, Size, Vmsd};
use crate::dialect::Version;

/// Whether a release no longer has a hook: the four of PC devices went with 4.2 (codecs 4), and
/// then the minimum version is final.
#[must_use]
pub fn is_gone(symbol: &str, release: Version) -> bool {
    let known = ["apic_load_old", "i440fx_load_old", "pit_load_old", "acpi_load_old"];
    let gone = release >= Version::new(4, 2, 0);
    gone && known.contains(&symbol)
}

/// The layouts of a hook, by section version. Empty for a hook that is not known.
#[must_use]
pub fn layouts(symbol: &str, vmsd: &Vmsd, release: Version) -> Vec<(u32, Vmsd)> {
    let build = |version: u32, fields: Vec<Field>| {
        let mut layout = vmsd.clone();
        layout.version_id = version;
        layout.minimum_version_id = version;
        layout.old = None;
        layout.fields = fields;
        layout.subsections = Vec::new();
        (version, layout)
    };
    // The PCI part is the first field of the description that replaced the loader.
    let pci = || vmsd.fields.first().cloned().into_iter().collect::<Vec<_>>();
    match symbol {
        "apic_load_old" => vec![build(1, apic(false)), build(2, apic(true))],
        "i440fx_load_old" => {
            let mut v1 = pci();
            v1.push(scalar("smm_enabled", "uint8"));
            let mut v2 = v1.clone();
            v2.push(array("irq_levels", "uint32", 4));
            vec![build(1, v1), build(2, v2)]
        }
        "pit_load_old" => vec![build(1, pit(release))],
        "acpi_load_old" => {
            let mut fields = pci();
            fields.extend(acpi());
            vec![build(1, fields.clone()), build(2, fields)]
        }
        _ => Vec::new(),
    }
}

/// A field with this codec, `size` bytes an element, in every version.
#[must_use]
pub fn leaf(name: &str, info: &str, size: u32, count: Count) -> Field {
    Field {
        name: name.to_string(),
        version_id: 0,
        exists: None,
        kind: Kind::Leaf { info: info.to_string(), size: Size::Fixed(size) },
        count,
        array_of_pointer: false,
        auto_alloc: false,
        must_exist: false,
        inherited_from: None,
    }
}

fn scalar(name: &str, info: &str) -> Field {
    leaf(name, info, 0, Count::One)
}

fn array(name: &str, info: &str, count: u32) -> Field {
    leaf(name, info, 0, Count::Fixed(count))
}

/// apic v1 (173 bytes) and v2 (181): the three bit arrays are interleaved word by word.
fn apic(timer: bool) -> Vec<Field> {
    let mut fields = vec![scalar("apicbase", "uint32")];
    fields.extend(["id", "arb_id", "tpr"].map(|n| scalar(n, "uint8")));
    fields.push(scalar("spurious_vec", "uint32"));
    fields.extend(["log_dest", "dest_mode"].map(|n| scalar(n, "uint8")));
    for i in 0..8 {
        for name in ["isr", "tmr", "irr"] {
            fields.push(scalar(&format!("{name}[{i}]"), "uint32"));
        }
    }
    fields.push(array("lvt", "uint32", 6));
    fields.push(scalar("esr", "uint32"));
    fields.push(array("icr", "uint32", 2));
    fields.push(scalar("divide_conf", "uint32"));
    fields.push(scalar("count_shift", "int32"));
    fields.push(scalar("initial_count", "uint32"));
    fields.extend(["initial_count_load_time", "next_time"].map(|n| scalar(n, "int64")));
    if timer {
        fields.push(scalar("timer", "timer"));
    }
    fields
}

/// i8254 v1: from 1.1 on without the timer of channel 0, so 8 bytes fewer than 1.0 reads.
fn pit(release: Version) -> Vec<Field> {
    let mut fields = Vec::new();
    for i in 0..3 {
        let named = |name: &str| format!("channels[{i}].{name}");
        fields.push(scalar(&named("count"), "int32"));
        fields.push(scalar(&named("latched_count"), "uint16"));
        for name in [
            "count_latched",
            "status_latched",
            "status",
            "read_state",
            "write_state",
            "write_latch",
            "rw_mode",
            "mode",
            "bcd",
            "gate",
        ] {
            fields.push(scalar(&named(name), "uint8"));
        }
        fields.push(scalar(&named("count_load_time"), "int64"));
        if i == 0 {
            fields.push(scalar(&named("next_transition_time"), "int64"));
            if release < Version::new(1, 1, 0) {
                fields.push(scalar(&named("irq_timer"), "timer"));
            }
        }
    }
    fields
}

/// piix4_pm v1 and v2 as 1.3 to 4.1 read them: the layout of 0.15 to 1.2, whatever was sent.
fn acpi() -> Vec<Field> {
    let mut fields: Vec<Field> =
        ["ar.pm1.evt.sts", "ar.pm1.evt.en", "ar.pm1.cnt.cnt"].map(|n| scalar(n, "uint16")).into();
    fields.extend(["apm.apmc", "apm.apms"].map(|n| scalar(n, "uint8")));
    fields.push(scalar("ar.tmr.timer", "timer"));
    fields.push(scalar("ar.tmr.overflow_time", "int64"));
    fields.push(array("ar.gpe.sts", "uint16", 4));
    fields.push(array("ar.gpe.en", "uint16", 4));
    fields
        .extend(["up", "down"].map(|n| {
            scalar(&format!("acpi_pci_hotplug.acpi_pcihp_pci_status[0x0].{n}"), "uint32")
        }));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_hooks_with_a_layout_for_each_version_until_4_2() {
        let vmsd: Vmsd = serde_json::from_str(
            r#"{"name": "x", "version_id": 3, "minimum_version_id": 3, "fields": [
                {"name": "pci", "kind": {"leaf": {"info": "buffer", "size": {"fixed": 7}}}}]}"#,
        )
        .unwrap();
        let release = Version::new(1, 0, 0);
        for (symbol, versions) in [
            ("apic_load_old", vec![1, 2]),
            ("i440fx_load_old", vec![1, 2]),
            ("pit_load_old", vec![1]),
            ("acpi_load_old", vec![1, 2]),
            ("other_load_old", vec![]),
        ] {
            let made = layouts(symbol, &vmsd, release);
            assert_eq!(made.iter().map(|l| l.0).collect::<Vec<_>>(), versions, "{symbol}");
            assert!(made.iter().all(|(version, l)| l.version_id == *version && l.fields.len() > 1));
            assert!(!is_gone(symbol, Version::new(4, 1, 1)), "{symbol}");
            assert_eq!(is_gone(symbol, Version::new(4, 2, 0)), !versions.is_empty(), "{symbol}");
        }
    }
}
