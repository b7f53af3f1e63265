//! Every protocol design of the lab: a made-up machine sends, an evolved one receives, whole,
//! damaged on the way, and with the fuzzer's own bytes for an end. The oracle is the lab's: what
//! was put against what was sent, and the design's own claims.

use crate::fuzzing::counters::Counts;
use crate::fuzzing::{Failure, Outcome};
use crate::lab::designs::cursor::Stream;
use crate::lab::designs::evolve::{self, Case};
use crate::lab::designs::rng::Rng;
use crate::lab::designs::run::{Tried, damage};
use crate::lab::designs::sink::{Sink, Truth, Verdict};
use crate::lab::designs::{ALL, Design};

/// Runs one input.
///
/// # Errors
/// A reproducer in words.
pub fn run(bytes: &[u8], counts: &mut Counts) -> Outcome {
    counts.begin();
    let mut rng = Rng::from_bytes(bytes);
    let case = evolve::case_from(&mut rng);
    counts.cases += 1;
    counts.other(case.evolution.name());
    ALL.iter().try_for_each(|design| check(*design, &case, rng.clone(), counts))
}

fn check(design: &dyn Design, case: &Case, mut rng: Rng, counts: &mut Counts) -> Outcome {
    let truth = Truth::of(&case.from, &case.states);
    let tried = Tried::of(design, case, &truth, |bytes| damage(bytes, &mut rng));
    let fail = |what: &str| {
        Err(Failure(format!("{}: {what}\nsent {:02x?}\n{case:#?}", design.name(), tried.bytes)))
    };
    for is_damaged in [false, true] {
        counts.other(name(tried.judged(is_damaged).verdict));
        if tried.breaks_claim(design, case, is_damaged) {
            return fail(if is_damaged { "misparsed damage" } else { "misparsed" });
        }
    }
    if design.is_unambiguous() && !reads_its_own(design, case, &truth, &tried.bytes) {
        return fail("what it writes it does not read as that");
    }
    // Nothing can be claimed of any bytes but that each is read once at most.
    let cut = rng.below(tried.bytes.len());
    let mut bytes = tried.bytes.get(..cut).unwrap_or(&[]).to_vec();
    bytes.extend(rng.rest());
    let mut sink = Sink::default();
    let outcome = design.decode(Stream { bytes: &bytes, piece: case.piece }, &case.to, &mut sink);
    counts.other(if outcome.is_ok() { "any bytes accepted" } else { "any bytes refused" });
    if sink.mark() > bytes.len() { fail("it puts more than there is") } else { Ok(()) }
}

/// Whether the source itself would read the stream as what it sent.
fn reads_its_own(design: &dyn Design, case: &Case, truth: &Truth, bytes: &[u8]) -> bool {
    let mut sink = Sink::default();
    let outcome = design.decode(Stream { bytes, piece: case.piece }, &case.from, &mut sink);
    truth.judge(&case.from, &outcome, &sink, design.gives_up()).verdict <= Verdict::Defaulted
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Faithful => "faithful",
        Verdict::Defaulted => "defaulted",
        Verdict::Refused => "refused",
        Verdict::RefusedLate => "refused-late",
        Verdict::Misparsed => "misparsed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::smoke;
    use crate::lab::designs::model::{Machine, State};
    use crate::lab::designs::sink::Refusal;
    use crate::lab::designs::{Claim, Promises};
    use crate::lab::designs::{chunks::Chunks, footer::Footer, linear::Linear};

    /// A design that says of itself more than is true.
    struct FalseClaims(&'static dyn Design);

    impl Promises for FalseClaims {
        fn name(&self) -> &'static str {
            "a boaster"
        }
        fn claims(&self, _: Claim) -> bool {
            true
        }
        fn is_unambiguous(&self) -> bool {
            true
        }
    }

    impl Design for FalseClaims {
        fn encode(&self, from: &Machine, states: &[State]) -> Vec<u8> {
            self.0.encode(from, states)
        }
        fn decode(&self, stream: Stream<'_>, to: &Machine, sink: &mut Sink) -> Result<(), Refusal> {
            self.0.decode(stream, to, sink)
        }
    }

    #[rstest::rstest]
    #[case(&Linear, "misparsed")]
    #[case(&Footer, "misparsed")]
    #[case(&Chunks, "misparsed")]
    fn a_claim_that_does_not_hold_is_found(
        #[case] design: &'static dyn Design,
        #[case] says: &str,
    ) {
        let found = (0..2000).find_map(|turn| {
            let mut rng = Rng::from_bytes(&smoke::input(1, turn));
            let case = evolve::case_from(&mut rng);
            check(&FalseClaims(design), &case, rng, &mut Counts::default()).err()
        });
        let failure = found.expect("a failure").to_string();
        assert!(failure.contains(says), "{failure}");
    }

    #[test]
    fn every_evolution_and_verdict_is_met() {
        let mut counts = Counts::default();
        for turn in 0..2000 {
            run(&smoke::input(1, turn), &mut counts).expect("no failure");
        }
        let all = crate::lab::designs::Evolution::ALL.map(|e| e.name());
        let verdicts = ["faithful", "defaulted", "refused", "refused-late", "misparsed"];
        for name in all.into_iter().chain(verdicts).chain(["any bytes accepted"]) {
            assert!(counts.others.contains_key(name), "{name}: never\n{counts}");
        }
    }
}
