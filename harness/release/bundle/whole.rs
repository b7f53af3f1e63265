//! Descriptions of processors and boards as QEMU's source has them: the minimum version and the
//! subsections that no bundle tells, as they are in no dump.
//!
//! A name that is not among those of a description no release from 5.2 to 11.1 knows in it: the
//! binaries have no such text (`strings`, held against Debian's of 5.2, 7.2, 10.0 and 11.1).

use super::partial::Partial;
use crate::vmstate::schema::Untold;

/// A description.
struct Whole {
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
    Untold,
}

const fn plain(name: &'static str) -> Whole {
    Whole { owner: (name, ""), minimum: Minimum::Own, optional: &[] }
}

/// All of them, by source file.
const ALL: [Whole; 34] = [
    // target/s390x/machine.c, hw/s390x/css.c
    Whole {
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
    Whole {
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
    Whole { owner: ("cpu/slb", ""), minimum: Minimum::At(1), optional: &[] },
    // hw/ppc: spapr.c, spapr_caps.c, spapr_cpu_core.c, spapr_iommu.c, spapr_ovec.c, ppc.c; hw/intc/xics.c
    Whole {
        owner: ("spapr", "tb"),
        minimum: Minimum::Untold,
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
    Whole { owner: ("spapr_cpu", ""), minimum: Minimum::Own, optional: &["spapr_cpu/vpa"] },
    plain("spapr_dtb"),
    Whole { owner: ("spapr_iommu", ""), minimum: Minimum::At(2), optional: &[] },
    plain("spapr_iommu_ex"),
    plain("spapr_option_vector"),
    plain("spapr_option_vector_ov5_cas"),
    plain("timebase"),
    plain("icp/server"),
    // target/arm/machine.c
    Whole {
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
    Whole { owner: ("cpu/vfp", ""), minimum: Minimum::Own, optional: &["cpu/vfp/fpcr_fpsr"] },
    plain("cpu/irq-line-state"),
    plain("cpu/wfxt-timer"),
    // hw/arm/virt-acpi-build.c, hw/riscv/virt-acpi-build.c
    plain("virt_acpi_build"),
    // target/riscv/machine.c: every new version has been the least, too.
    Whole { owner: ("cpu", "env.misa"), minimum: Minimum::Own, optional: RISCV },
    Whole { owner: ("cpu", "env.misa_mxl"), minimum: Minimum::Own, optional: RISCV },
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

/// The minimum version of a draft's description.
#[must_use]
pub fn minimum(draft: &Partial) -> Option<u32> {
    match find(draft)?.minimum {
        Minimum::Own => Some(draft.version),
        Minimum::At(version) => Some(version),
        Minimum::Untold => None,
    }
}

/// What stays open of a draft's description that is in no dump nor in another table.
#[must_use]
pub fn untold(draft: &Partial) -> Untold {
    let Some(whole) = find(draft) else {
        return Untold { minimum: true, subsections: true, among: Vec::new() };
    };
    Untold {
        minimum: minimum(draft).is_none(),
        subsections: !whole.optional.is_empty(),
        among: whole.optional.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn find(draft: &Partial) -> Option<&'static Whole> {
    let has = |name: &str| draft.fields.iter().any(|field| field.name == name);
    let is = |of: &&Whole| of.owner.0 == draft.name && (of.owner.1.is_empty() || has(of.owner.1));
    ALL.iter().find(is)
}

#[cfg(test)]
mod tests {
    use super::super::partial::PartialField;
    use super::*;

    fn draft(name: &str, field: &str) -> Partial {
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
        let draft = draft(name, field);
        assert_eq!(minimum(&draft), least);
        let open = untold(&draft);
        assert_eq!((open.minimum, open.subsections), (least.is_none(), may_have.is_some()));
        assert!(may_have.is_none_or(|name| open.among.iter().any(|known| known == name)));
    }

    #[test]
    fn of_an_unknown_processor_all_is_open() {
        let open = untold(&draft("cpu", "env.regs"));
        assert!(open.minimum && open.subsections && open.among.is_empty());
    }
}
