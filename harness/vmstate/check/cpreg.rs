//! The list of system registers that an ARM processor sends, and which of them a loader takes
//! (`cpu_post_load` and `write_list_to_cpustate`, target/arm/machine.c and helper.c).
//!
//! Both lists are sorted. A register of the stream that the loader does not have is refused; one that
//! only the loader has keeps its value. Then all are written, and must read back as written: one that
//! only says what the processor is cannot be changed, and one of 32 bits cannot hold more
//! (`write_raw_cp_reg`). Which registers a loader has depends on release,
//! model and options of the processor: its own stream tells.
//!
//! | release | a register that only the stream has |
//! | --- | --- |
//! | up to 10.0 | refused where a later one is the loader's; behind the loader's last nobody asks |
//! | 11.1 | refused (`handle_cpreg_only_in_incoming_stream`; what is tolerated is KVM's) |

use crate::dialect::Version;
use crate::wire::Kind;

/// The lists of one processor.
#[derive(Debug, Clone, Default)]
pub struct Registers {
    indexes: Option<Lists>,
    values: Option<Lists>,
}

/// What came, and what the loader's own stream has.
#[derive(Debug, Clone)]
struct Lists {
    received: Vec<u64>,
    own: Vec<u64>,
}

/// Which of the two lists a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `cpreg_vmstate_indexes`.
    Indexes,
    /// `cpreg_vmstate_values`.
    Values,
}

impl List {
    /// By the field's name.
    #[must_use]
    pub fn of(field: &str) -> Option<Self> {
        match field {
            "cpreg_vmstate_indexes" => Some(List::Indexes),
            "cpreg_vmstate_values" => Some(List::Values),
            _ => None,
        }
    }
}

impl Registers {
    /// Remembers a list, with the bytes of the loader's own.
    pub fn take(&mut self, list: List, received: Vec<u64>, own: &[u8]) {
        let own = own.chunks_exact(8).map(|n| n.iter().fold(0, |n, b| n << 8 | u64::from(*b)));
        let lists = Some(Lists { received, own: own.collect() });
        match list {
            List::Indexes => self.indexes = lists,
            List::Values => self.values = lists,
        }
    }

    /// What comes of them once the whole processor is loaded; nothing where they were not sent or the
    /// loader's own are not known.
    ///
    /// # Errors
    /// The register that is refused.
    pub fn check(self, release: Version) -> Result<(), Kind> {
        let Some(indexes) = self.indexes else { return Ok(()) };
        let Lists { received, own } = &indexes;
        let mut mine = own.iter().enumerate().peekable();
        let mut taken = Vec::new();
        for (place, index) in received.iter().enumerate() {
            while mine.next_if(|(_, own)| *own < index).is_some() {}
            match mine.peek() {
                Some((at, own)) if *own == index => taken.push((place, *at)),
                Some(_) => return Err(refuse(*index, "the loader has no such register")),
                None if release < Version::new(10, 1, 0) => break,
                None if release >= Version::new(11, 1, 0) => {
                    return Err(refuse(*index, "the loader has no such register"));
                }
                None => {
                    let what = format!("{}: behind the loader's last", name(*index));
                    return Err(Kind::Undetermined(what));
                }
            }
        }
        let Some(values) = self.values else { return Ok(()) };
        for (place, at) in taken {
            let (Some(index), Some(came), Some(own)) =
                (received.get(place), values.received.get(place), values.own.get(at))
            else {
                continue;
            };
            let Bits { kept, perhaps } = bits(*index);
            let changed = came ^ own;
            if changed & !(kept | perhaps) != 0 {
                let why = format!("it is {came:#x}, which the loader's, {own:#x}, does not keep");
                return Err(refuse(*index, &why));
            }
            if changed & perhaps & !kept != 0 {
                let what = format!("whether {} keeps {came:#x}", name(*index));
                return Err(Kind::Undetermined(what));
            }
        }
        Ok(())
    }
}

fn refuse(index: u64, why: &str) -> Kind {
    Kind::Check(format!("{} ({index:#x}): {why}", name(index)))
}

/// Fields of an index, as `cpreg_to_kvm_id` makes it of a register's encoding.
mod field {
    /// Architecture and width.
    pub const KIND: u32 = 48;
    pub const ARM_32: u64 = 0x4020;
    pub const ARM_64: u64 = 0x4030;
    pub const AARCH64: u64 = 0x6030;
    /// One of both banks.
    pub const NON_SECURE: u64 = 1 << 29;

    /// `len` bits of an index from `at` on.
    pub const fn of(index: u64, at: u32, len: u32) -> u64 {
        index >> at & ((1 << len) - 1)
    }
}

/// A register as manuals and assemblers write it: op0 to op2, or coprocessor, opc1, CRn, CRm, opc2.
fn name(index: u64) -> String {
    let part = |at, len| field::of(index, at, len);
    let bank = if index & field::NON_SECURE != 0 { ", non-secure" } else { "" };
    match index >> field::KIND {
        field::AARCH64 if part(16, 16) == 0x13 => {
            let (op0, op1, crn) = (part(14, 2), part(11, 3), part(7, 4));
            format!("register S{op0}_{op1}_C{crn}_C{}_{}", part(3, 4), part(0, 3))
        }
        field::ARM_32 => format!(
            "register p{}, {}, c{}, c{}, {}{bank}",
            part(16, 4),
            part(3, 4),
            part(11, 4),
            part(7, 4),
            part(0, 3)
        ),
        field::ARM_64 => {
            format!("register p{}, {}, c{}{bank}", part(16, 4), part(3, 4), part(7, 4))
        }
        _ => "register".to_string(),
    }
}

/// What a register keeps of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bits {
    /// Bits that it keeps.
    kept: u64,
    /// Bits that it keeps if the model of the processor has them.
    perhaps: u64,
}

impl Bits {
    const ALL: Bits = Bits::kept(u64::MAX);
    const WORD: Bits = Bits::kept(0xffff_ffff);
    /// It is the same whatever is written.
    const NONE: Bits = Bits::kept(0);

    const fn kept(kept: u64) -> Self {
        Bits { kept, perhaps: 0 }
    }
}

/// Which bits a register keeps. None: those that identify the processor (CRn 0 of op0 3, c0 of p15; but
/// not CSSELR nor the copies for guests), those of an implementation (CRn 11 and 15), and what
/// [`SYSTEM`], [`CONTROL`] and [`DEBUG`] list. In streams of 10.0.13 (cortex-a57) the last bit of each of its 275
/// registers was changed, and then all of them, and each stream given to the binary.
fn bits(index: u64) -> Bits {
    let part = |at, len| field::of(index, at, len);
    let none = |constant: bool, else_: Bits| if constant { Bits::NONE } else { else_ };
    match index >> field::KIND {
        field::AARCH64 if part(16, 16) == 0x13 => {
            match (part(14, 2), part(11, 3), part(7, 4), part(3, 4), part(0, 3)) {
                // OSDLR_EL1, CSSELR_EL1, VBAR_EL1.
                (2, 0, 1, 3, 4) => Bits::kept(1),
                (3, 2, 0, 0, 0) => Bits::kept(0xf),
                (3, 0, 12, 0, 0) => Bits::kept(!0x1f),
                // FPCR, FPSR, event counters of 64 bits (FEAT_PMUv3p5).
                (3, 3, 4, 4, 0) => Bits { kept: 0x07c0_0000, perhaps: 0xffff_ffff },
                (3, 3, 4, 4, 1) => Bits { kept: 0xf800_009f, perhaps: 0xffff_ffff },
                (3, 3, 14, 8..=11, _) => Bits { perhaps: u64::MAX, ..Bits::WORD },
                (3, 0 | 1 | 3, 0, ..) | (3, _, 11 | 15, ..) => Bits::NONE,
                place => none(SYSTEM.contains(&place), Bits::ALL),
            }
        }
        field::ARM_32 => match (part(16, 4), part(11, 4), part(7, 4), part(3, 4), part(0, 3)) {
            (15, 0, _, 0 | 1, _) | (15, 11 | 15, ..) => Bits::NONE,
            // NSACR, where there is a secure state; OSDLR of 32 bits.
            (15, 1, 1, 0, 2) => Bits { kept: 0, perhaps: 0xffff_ffff },
            (14, 1, 3, 0, 4) => Bits::kept(1),
            (15, crn, crm, opc1, opc2) => {
                none(CONTROL.contains(&(crn, crm, opc1, opc2)), Bits::WORD)
            }
            (14, crn, crm, opc1, opc2) => none(DEBUG.contains(&(crn, crm, opc1, opc2)), Bits::WORD),
            _ => Bits::WORD,
        },
        // DBGDRAR, DBGDSAR, and those of an implementation.
        field::ARM_64 => {
            none(matches!((part(16, 4), part(7, 4)), (14, 1 | 2) | (15, 15)), Bits::ALL)
        }
        _ => Bits::ALL,
    }
}

/// op0, op1, CRn, CRm, op2 of constant registers: OSDTRRX_EL1, MDCCINT_EL1, OSDTRTX_EL1, OSECCR_EL1,
/// MDRAR_EL1, MDCCSR_EL0, DBGDTR_EL0, DBGDTRRX_EL0, DBGVCR32_EL2, ACTLR of each level, AFSR0_EL1,
/// AFSR1_EL1, AMAIR_EL1, RMR_EL1, PMCEID0_EL0, PMCEID1_EL0.
const SYSTEM: [(u64, u64, u64, u64, u64); 18] = [
    (2, 0, 0, 0, 2),
    (2, 0, 0, 2, 0),
    (2, 0, 0, 3, 2),
    (2, 0, 0, 6, 2),
    (2, 0, 1, 0, 0),
    (2, 3, 0, 1, 0),
    (2, 3, 0, 4, 0),
    (2, 3, 0, 5, 0),
    (2, 4, 0, 7, 0),
    (3, 0, 1, 0, 1),
    (3, 4, 1, 0, 1),
    (3, 6, 1, 0, 1),
    (3, 0, 5, 1, 0),
    (3, 0, 5, 1, 1),
    (3, 0, 10, 3, 0),
    (3, 0, 12, 0, 2),
    (3, 3, 9, 12, 6),
    (3, 3, 9, 12, 7),
];

/// CRn, CRm, opc1, opc2 of constant registers of p15: ACTLR, HACTLR, ADFSR, AIFSR, a register of c6
/// without a name, L2CTLR, L2ECTLR, PMCEID0, PMCEID1, AMAIR0, AMAIR1, RMR.
const CONTROL: [(u64, u64, u64, u64); 12] = [
    (1, 0, 0, 1),
    (1, 0, 4, 1),
    (5, 1, 0, 0),
    (5, 1, 0, 1),
    (6, 0, 0, 1),
    (9, 0, 1, 2),
    (9, 0, 1, 3),
    (9, 12, 0, 6),
    (9, 12, 0, 7),
    (10, 3, 0, 0),
    (10, 3, 0, 1),
    (12, 0, 0, 2),
];

/// CRn, CRm, opc1, opc2 of constant registers of p14: DBGDIDR, DBGDTRRX, DBGDCCINT, DBGDTRTX, the two in
/// one, DBGOSECCR, DBGVCR, DBGDRAR, DBGDSAR, DBGDEVID2 to DBGDEVID, and those of Jazelle.
const DEBUG: [(u64, u64, u64, u64); 15] = [
    (0, 0, 0, 0),
    (0, 0, 0, 2),
    (0, 2, 0, 0),
    (0, 3, 0, 2),
    (0, 5, 0, 0),
    (0, 6, 0, 2),
    (0, 7, 0, 0),
    (0, 0, 7, 0),
    (1, 0, 0, 0),
    (1, 0, 7, 0),
    (2, 0, 0, 0),
    (2, 0, 7, 0),
    (7, 0, 0, 0),
    (7, 0, 0, 1),
    (7, 0, 0, 2),
];

#[cfg(test)]
mod tests {
    use super::*;

    const ID_DFR0: u64 = 0x6030_0000_0013_c00a;
    const SCTLR: u64 = 0x6030_0000_0013_c080;
    const TTBR0: u64 = 0x6030_0000_0013_c100;
    const PAR: u64 = 0x4020_0000_200f_3a00;

    fn check(release: &str, received: &[(u64, u64)], own: &[(u64, u64)]) -> Result<(), Kind> {
        let mut registers = Registers::default();
        let bytes = |list: &[u64]| list.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
        let of = |list: &[(u64, u64)]| -> (Vec<u64>, Vec<u64>) { list.iter().copied().unzip() };
        let ((indexes, values), (own_indexes, own_values)) = (of(received), of(own));
        registers.take(List::Indexes, indexes, &bytes(&own_indexes));
        registers.take(List::Values, values, &bytes(&own_values));
        registers.check(release.parse().unwrap())
    }

    #[rstest::rstest]
    // The same; fewer than the loader's, wherever they lie.
    #[case(&[(PAR, 1), (SCTLR, 2)], &[(PAR, 1), (SCTLR, 2)])]
    #[case(&[(SCTLR, 2)], &[(PAR, 1), (SCTLR, 3), (TTBR0, 4)])]
    #[case(&[], &[(PAR, 1)])]
    // Values of what can be written are taken.
    #[case(&[(TTBR0, 7)], &[(TTBR0, 0)])]
    fn lists_that_fit(#[case] received: &[(u64, u64)], #[case] own: &[(u64, u64)]) {
        for release in ["7.2.22", "10.0.13", "11.1.3"] {
            assert_eq!(check(release, received, own), Ok(()));
        }
    }

    #[test]
    fn a_register_that_the_loader_has_not_is_named() {
        for release in ["7.2.22", "10.0.13", "11.1.3"] {
            let refused = check(release, &[(PAR, 0), (SCTLR, 0)], &[(SCTLR, 0)]).unwrap_err();
            let text = "register p15, 0, c7, c4, 0, non-secure (0x40200000200f3a00): the loader has \
                        no such register";
            assert_eq!(refused, Kind::Check(text.into()));
        }
    }

    #[test]
    fn behind_the_last_of_the_loader_old_releases_do_not_ask() {
        let with = |release| check(release, &[(PAR, 0), (TTBR0, 0)], &[(PAR, 0), (SCTLR, 0)]);
        assert_eq!(with("10.0.13"), Ok(()));
        assert!(matches!(with("10.2.0"), Err(Kind::Undetermined(_))));
        let Err(Kind::Check(text)) = with("11.1.3") else { panic!("accepted") };
        assert!(text.starts_with("register S3_0_C2_C0_0 ("), "{text}");
    }

    #[test]
    fn what_a_processor_is_cannot_change() {
        let refused = check("10.0.13", &[(ID_DFR0, 6)], &[(ID_DFR0, 7)]).unwrap_err();
        let text = "register S3_0_C0_C1_2 (0x603000000013c00a): it is 0x6, which the loader's, 0x7, \
                    does not keep";
        assert_eq!(refused, Kind::Check(text.into()));
        let is_constant = |index| bits(index) == Bits::NONE;
        assert!(is_constant(0x4020_0000_200e_0800) && is_constant(0x4020_0000_200e_0002));
        assert!(is_constant(0x4020_0000_200f_0001) && !is_constant(0x4020_0000_200f_0800));
        // MDRAR of 64 bits, an implementation's own, PMCEID0_EL0.
        for index in [0x4030_0000_200e_0080, 0x6030_0000_0013_cf90, 0x6030_0000_0013_dce6] {
            assert!(is_constant(index), "{index:#x}");
        }
        // CSSELR_EL1, CSSELR of p15, VPIDR_EL2.
        for index in [0x6030_0000_0013_d000, 0x4020_0000_200f_0010, 0x6030_0000_0013_e000] {
            assert!(!is_constant(index), "{index:#x}");
        }
    }

    const VBAR: u64 = 0x6030_0000_0013_c600;
    const FPCR: u64 = 0x6030_0000_0013_da20;

    #[rstest::rstest]
    #[case(PAR, 0xffff_ffff, Some(true))]
    #[case(PAR, 1 << 32, Some(false))]
    #[case(TTBR0, 1 << 63, Some(true))]
    #[case(VBAR, 0x800, Some(true))]
    #[case(VBAR, 0x810, Some(false))]
    #[case(FPCR, 0x0100_0000, Some(true))]
    #[case(FPCR, 1, None)]
    #[case(FPCR, 1 << 32, Some(false))]
    fn a_register_keeps_the_bits_that_it_has(
        #[case] index: u64,
        #[case] value: u64,
        #[case] taken: Option<bool>,
    ) {
        let outcome = check("10.0.13", &[(index, value)], &[(index, 0)]);
        let found = match outcome {
            Ok(()) => Some(true),
            Err(Kind::Undetermined(_)) => None,
            Err(_) => Some(false),
        };
        assert_eq!(found, taken);
    }

    #[test]
    fn names_of_every_width() {
        assert_eq!(name(0x4030_0000_000f_0100), "register p15, 0, c2");
        assert_eq!(name(7), "register");
    }
}
