//! Descriptions that no dump has, those of processors and boards: their minimum version and their
//! subsections, from QEMU's source.
//!
//! A description has no other subsections than those listed here in any release from 5.2 to 11.1: the
//! binaries have no such text (by `strings`, on Debian's 5.2, 7.2, 10.0 and 11.1).

use super::partial::Partial;
use crate::vmstate::schema::Unknown;

/// A description.
struct Undumped {
    /// Its name, and a field that tells it from others of that name; none where there are no others.
    owner: (&'static str, &'static str),
    /// The minimum version.
    minimum: Minimum,
    /// Subsections that some release has and that need not be sent.
    optional: &'static [&'static str],
}

/// What the minimum version is.
enum Minimum {
    /// The version itself, in every release.
    Own,
    /// This.
    At(u32),
    /// Not known here: what fields older versions have is not.
    Unknown,
}

const fn plain(name: &'static str) -> Undumped {
    Undumped { owner: (name, ""), minimum: Minimum::Own, optional: &[] }
}

/// All of them, by source file.
const ALL: [Undumped; 34] = [
    // target/s390x/machine.c, hw/s390x/css.c
    Undumped {
        owner: ("cpu", "env.psa"),
        minimum: Minimum::At(3),
        optional: &["cpu/riccb", "cpu/exval", "cpu/gscb", "cpu/bpbc", "cpu/etoken", "cpu/diag318"],
    },
    plain("cpu/vregs"),
    plain("s390_chp_info"),
    plain("s390_css"),
    plain("s390_css_img"),
    // target/s390x/machine.c and target/ppc/machine.c
    plain("cpu/fpu"),
    // target/ppc/machine.c
    Undumped {
        owner: ("cpu", "env.spr"),
        minimum: Minimum::Own,
        optional: &[
            "cpu/tm",
            "cpu/sr",
            "cpu/tlb6xx",
            "cpu/tlbemb",
            "cpu/tlbmas",
            "cpu/compat",
            "cpu/reservation",
            "cpu/bhrb",
            "cpu/rtas_stopped",
            "cpu/pbr403",
        ],
    },
    plain("cpu/altivec"),
    plain("cpu/vsx"),
    // Version 1 is taken to this day.
    Undumped { owner: ("cpu/slb", ""), minimum: Minimum::At(1), optional: &[] },
    // hw/ppc: spapr.c, spapr_caps.c, spapr_cpu_core.c, spapr_iommu.c, spapr_ovec.c, ppc.c; hw/intc/xics.c
    Undumped {
        owner: ("spapr", "tb"),
        minimum: Minimum::Unknown,
        optional: &[
            "spapr_patb_entry",
            "spapr_pending_events",
            "spapr_irq_map",
            "spapr_fwnmi",
            "spapr/cap/htm",
            "spapr/cap/vsx",
            "spapr/cap/dfp",
            "spapr/cap/cfpc",
            "spapr/cap/sbbc",
            "spapr/cap/ibs",
            "spapr/cap/hpt_maxpagesize",
            "spapr/cap/nested_kvm_hv",
            "spapr/cap/nested_papr",
            "spapr/cap/large_decr",
            "spapr/cap/ccf_assist",
            "spapr/cap/fwnmi",
            "spapr/cap/rpt_invalidate",
            "spapr/cap/ail_mode_3",
            "spapr/cap/dawr1",
        ],
    },
    plain("spapr/cap/hpt_maxpagesize"),
    Undumped { owner: ("spapr_cpu", ""), minimum: Minimum::Own, optional: &["spapr_cpu/vpa"] },
    plain("spapr_dtb"),
    Undumped { owner: ("spapr_iommu", ""), minimum: Minimum::At(2), optional: &[] },
    plain("spapr_iommu_ex"),
    plain("spapr_option_vector"),
    plain("spapr_option_vector_ov5_cas"),
    plain("timebase"),
    plain("icp/server"),
    // target/arm/machine.c
    Undumped {
        owner: ("cpu", "cpreg_vmstate_array_len"),
        minimum: Minimum::Own,
        optional: &[
            "cpu/iwmmxt",
            "cpu/m",
            "cpu/thumb2ee",
            "cpu/pmsav7-rnr",
            "cpu/pmsav7",
            "cpu/pmsav8",
            "cpu/m-security",
            "cpu/sve",
            "cpu/sme",
            "cpu/zt0",
            "cpu/fpmr",
            "cpu/serror",
            "cpu/event",
            "cpu/wfxt-timer",
            "cpu/syndrome64",
            "cpu/pstate64",
        ],
    },
    Undumped { owner: ("cpu/vfp", ""), minimum: Minimum::Own, optional: &["cpu/vfp/fpcr_fpsr"] },
    plain("cpu/irq-line-state"),
    plain("cpu/wfxt-timer"),
    // hw/arm/virt-acpi-build.c, hw/riscv/virt-acpi-build.c
    plain("virt_acpi_build"),
    // target/riscv/machine.c: every new version has been the least, too.
    Undumped { owner: ("cpu", "env.misa"), minimum: Minimum::Own, optional: RISCV },
    Undumped { owner: ("cpu", "env.misa_mxl"), minimum: Minimum::Own, optional: RISCV },
    plain("cpu/pmp"),
    plain("cpu/pmp/entry"),
    plain("cpu/debug"),
    plain("cpu/envcfg"),
    plain("cpu/hyper"),
    plain("cpu/pmu"),
    plain("cpu/timer"),
];

/// Subsections of a RISC-V processor.
const RISCV: &[&str] = &[
    "cpu/hyper",
    "cpu/vector",
    "cpu/pointer_masking",
    "cpu/rv128",
    "cpu/kvmtimer",
    "cpu/envcfg",
    "cpu/debug",
    "cpu/smtateen",
    "cpu/jvt",
    "cpu/elp",
    "cpu/ssp",
    "cpu/ctr",
    "cpu/timer",
    "cpu/mseccfg",
];

/// The minimum version of a partial description.
#[must_use]
pub fn minimum(partial: &Partial) -> Option<u32> {
    match find(partial)?.minimum {
        Minimum::Own => Some(partial.version),
        Minimum::At(version) => Some(version),
        Minimum::Unknown => None,
    }
}

/// What stays open of a partial description that is in no dump nor in another table.
#[must_use]
pub fn unknown(partial: &Partial) -> Unknown {
    let Some(undumped) = find(partial) else {
        return Unknown { minimum: true, subsections: true, among: Vec::new() };
    };
    Unknown {
        minimum: minimum(partial).is_none(),
        subsections: !undumped.optional.is_empty(),
        among: undumped.optional.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn find(partial: &Partial) -> Option<&'static Undumped> {
    let has = |name: &str| partial.fields.iter().any(|field| field.name == name);
    let is =
        |of: &&Undumped| of.owner.0 == partial.name && (of.owner.1.is_empty() || has(of.owner.1));
    ALL.iter().find(is)
}

#[cfg(test)]
mod tests {
    use super::super::partial::PartialField;
    use super::*;

    fn partial(name: &str, field: &str) -> Partial {
        let fields = vec![PartialField { name: field.to_owned(), ..PartialField::default() }];
        Partial { name: name.to_owned(), version: 5, fields, ..Partial::default() }
    }

    #[rstest::rstest]
    #[case("cpu", "env.psa", Some(3), Some("cpu/riccb"))]
    #[case("cpu", "env.misa_mxl", Some(5), Some("cpu/vector"))]
    #[case("cpu/slb", "", Some(1), None)]
    #[case("cpu/fpu", "", Some(5), None)]
    #[case("spapr", "tb", None, Some("spapr/cap/htm"))]
    fn what_is_known_of_a_description(
        #[case] name: &str,
        #[case] field: &str,
        #[case] least: Option<u32>,
        #[case] may_have: Option<&str>,
    ) {
        let partial = partial(name, field);
        assert_eq!(minimum(&partial), least);
        let open = unknown(&partial);
        assert_eq!((open.minimum, open.subsections), (least.is_none(), may_have.is_some()));
        assert!(may_have.is_none_or(|name| open.among.iter().any(|known| known == name)));
    }

    #[test]
    fn of_an_unknown_processor_all_is_open() {
        let open = unknown(&partial("cpu", "env.regs"));
        assert!(open.minimum && open.subsections && open.among.is_empty());
    }
}
