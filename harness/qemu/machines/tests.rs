//! How an answer of the model and a load by a binary compare.

use super::*;
use crate::trace::Judged;

const NO_DEVICE: &str = "qemu: -device ide-cf,id=d: 'ide-cf' is not a valid device model name";
const NO_PROPERTY: &str = "qemu: -device nic,x=1: Property 'nic.x' not found";
const NO_VALUE: &str = "qemu: -device nic,rombar=-2: Parameter 'rombar' expects uint32_t";
const NO_OPTION: &str = "qemu: -no-hpet: invalid option";
const NO_BOARD_OPTION: &str = "qemu: Property 'virt-machine.aia' not found";
const NO_MODEL: &str = "qemu: unable to find CPU model 'max'";
const NO_INTERRUPTS: &str =
    "qemu: -device pcie-root-port,id=p: MSI-X is not supported by interrupt controller";
const NO_MACHINE: &str = "qemu: unsupported machine type: \"pc-i440fx-2.4\"";
const CRASHED: &str = "qemu: -device nic: failed to find romfile \"nic.rom\"";

fn real(consumed: Option<u64>, stderr: &str) -> RealLoad {
    RealLoad {
        verdict: ObservedVerdict::Refused,
        consumed,
        ended: None,
        stderr: stderr.to_owned(),
        trace: String::new(),
        saved: None,
        unsaved: None,
    }
}

fn row(answer: Answer) -> Row {
    Row { release: "7.2".to_owned(), answer, assumptions: Vec::new() }
}

fn judged(verdict: Verdict, taken: u64) -> Answer {
    Answer::Judged(Box::new(Judged {
        verdict,
        stopped: taken,
        taken,
        size: 9,
        error: None,
        difference: None,
        false_end: None,
        defaults: Vec::new(),
        gave_up: Vec::new(),
    }))
}

/// An option of the command line that the binary has not is no disagreement; whatever else keeps
/// it from being fed is one.
#[rstest::rstest]
#[case(NO_DEVICE, true)]
#[case(NO_PROPERTY, true)]
#[case(NO_VALUE, true)]
#[case(NO_OPTION, true)]
#[case(NO_BOARD_OPTION, true)]
#[case(NO_MODEL, true)]
#[case(NO_INTERRUPTS, true)]
#[case(NO_MACHINE, false)]
#[case(CRASHED, false)]
fn a_binary_that_lacks_an_option_did_not_start(#[case] said: &str, #[case] lacks: bool) {
    let taken = row(Answer::Undetermined("x".to_owned()));
    let comparison = comparison(&taken, &real(None, said));
    assert_eq!(comparison == Comparison::NotStarted, lacks, "{comparison:?}");
}

#[rstest::rstest]
#[case(Verdict::Faithful, true)]
#[case(Verdict::Misparsed, true)]
#[case(Verdict::Refused, false)]
fn a_load_that_is_accepted_may_be_misparsed(#[case] verdict: Verdict, #[case] agrees: bool) {
    let real = RealLoad { verdict: ObservedVerdict::Accepted, ..real(Some(9), "") };
    let comparison = comparison(&row(judged(verdict, 9)), &real);
    assert_eq!(comparison == Comparison::Agree, agrees, "{comparison:?}");
}

#[rstest::rstest]
#[case(Verdict::Refused, 0, true)]
#[case(Verdict::Refused, 400, false)]
#[case(Verdict::Faithful, 400, false)]
fn a_blocked_load_is_refused_where_it_begins(
    #[case] verdict: Verdict,
    #[case] taken: u64,
    #[case] agrees: bool,
) {
    let said = "qemu: State blocked by non-migratable device '0000:00:03.0/nvme'";
    let comparison = comparison(&row(judged(verdict, taken)), &real(None, said));
    assert_eq!(comparison == Comparison::Agree, agrees, "{comparison:?}");
}

#[test]
fn what_the_model_says_cannot_start_agrees() {
    let unsupported = row(Answer::Unsupported("x".to_owned()));
    assert_eq!(comparison(&unsupported, &real(None, NO_DEVICE)), Comparison::Agree);
    assert!(matches!(comparison(&unsupported, &real(Some(9), NO_DEVICE)), Comparison::Differ(_)));
}
