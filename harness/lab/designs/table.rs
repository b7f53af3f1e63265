//! The tables of the design comparison.

use std::fmt::Write as _;

use super::evolve::case;
use super::neighbours::RealCounts;
use super::real::Real;
use super::run::{Counts, Report, damaged};
use super::sink::{Sink, Truth, Verdict};
use super::{ALL, Evolution};

const VERDICTS: [(Verdict, &str); 5] = [
    (Verdict::Faithful, "faithful"),
    (Verdict::Defaulted, "defaulted"),
    (Verdict::Refused, "refused"),
    (Verdict::RefusedLate, "refused-late"),
    (Verdict::Misparsed, "misparsed"),
];

/// A share with two digits behind the point; `-` for none at all.
fn share(count: u64, total: u64) -> String {
    if count == 0 || total == 0 {
        return "-".to_string();
    }
    let hundredths = (count * 10_000 + total / 2) / total;
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// Verdicts by design. `untouched` is the share of all cases in which the destination refuses
/// before any state is put; `given up` the share accepted without state that was in use.
#[must_use]
pub fn verdicts(title: &str, rows: impl Iterator<Item = (String, Counts)>) -> String {
    let mut text = format!("{title}\n\n{:<28}{:>9}", "", "cases");
    for (_, name) in VERDICTS {
        let _ = write!(text, "{name:>14}");
    }
    let _ = writeln!(text, "{:>14}{:>14}", "untouched", "given up");
    for (name, counts) in rows {
        let total = counts.total();
        let _ = write!(text, "{name:<28}{total:>9}");
        for (verdict, _) in VERDICTS {
            let _ = write!(text, "{:>14}", share(counts.of(verdict), total));
        }
        let (untouched, given_up) = (share(counts.untouched, total), share(counts.given_up, total));
        let _ = writeln!(text, "{untouched:>14}{given_up:>14}");
    }
    text
}

/// The tables of generated cases.
#[must_use]
pub fn generated(report: &Report) -> String {
    let by_design = |damaged| {
        ALL.iter()
            .enumerate()
            .map(move |(i, d)| (d.name().to_string(), report.of(i, None, damaged)))
    };
    let mut text = verdicts("Generated evolutions, whole streams", by_design(false));
    text.push('\n');
    text += &verdicts("Generated evolutions, damaged streams", by_design(true));
    text += "\nMisparsed share of whole streams by evolution\n\n";
    text += &matrix(report, Verdict::Misparsed);
    text += "\nRefused share (early or late) of whole streams by evolution\n\n";
    text += &matrix(report, Verdict::Refused);
    text += "\nSmallest misparse of each design: of any evolution, of those that count in one line, of damage\n\n";
    text += &examples(report);
    text
}

fn matrix(report: &Report, verdict: Verdict) -> String {
    let mut text = format!("{:<28}", "");
    for i in 1..=Evolution::ALL.len() {
        let _ = write!(text, "{i:>8}");
    }
    text.push('\n');
    for (number, design) in ALL.iter().enumerate() {
        let _ = write!(text, "{:<28}", design.name());
        for evolution in Evolution::ALL {
            let counts = report.of(number, Some(evolution), false);
            let mut n = counts.of(verdict);
            if verdict == Verdict::Refused {
                n += counts.of(Verdict::RefusedLate);
            }
            let _ = write!(text, "{:>8}", share(n, counts.total()));
        }
        text.push('\n');
    }
    for (i, evolution) in Evolution::ALL.into_iter().enumerate() {
        let _ = writeln!(text, "  {} {}", i + 1, evolution.name());
    }
    text
}

/// The smallest misparses of each design with their bytes: of all; of evolutions in which nobody
/// did anything wrong, so that the format itself is to blame; of damage.
#[must_use]
pub fn examples(report: &Report) -> String {
    type Of = fn(Evolution) -> bool;
    let kinds: [(&str, bool, Of); 3] = [
        ("any", false, |_| true),
        ("in line", false, Evolution::is_upstream),
        ("damaged", true, |_| true),
    ];
    let mut text = String::new();
    for (number, design) in ALL.iter().enumerate() {
        for (how, is_damaged, of) in kinds {
            let Some((evolution, example)) = report.smallest(number, is_damaged, of) else {
                let _ = writeln!(text, "{} ({how}): none", design.name());
                continue;
            };
            let case = case(example.seed);
            let mut bytes = design.encode(&case.from, &case.states);
            if is_damaged {
                bytes = damaged(&bytes, example.seed);
            }
            let mut sink = Sink::default();
            let stream = super::cursor::Stream { bytes: &bytes, piece: case.piece };
            let outcome = design.decode(stream, &case.to, &mut sink);
            let truth = Truth::of(&case.from, &case.states);
            let wrong = match outcome {
                Ok(()) => truth.wrong(&case.from, &case.to, &sink),
                Err(refusal) => Some(refusal.to_string()),
            };
            let _ = writeln!(
                text,
                "{} ({how}): seed {}, {}, {} bytes: {}\n    {}",
                design.name(),
                example.seed,
                evolution.name(),
                bytes.len(),
                wrong.unwrap_or_default(),
                hex(&bytes)
            );
        }
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    let shown: Vec<String> = bytes.iter().take(64).map(|b| format!("{b:02x}")).collect();
    let more = if bytes.len() > 64 { " ..." } else { "" };
    format!("{}{more}", shown.join(" "))
}

/// The table of real evolutions; see [`super::neighbours::run`].
#[must_use]
pub fn real(counts: &[RealCounts]) -> String {
    let rows = |which: fn(&RealCounts) -> Counts| {
        ALL.iter().zip(counts).map(move |(d, c)| (d.name().to_string(), which(c)))
    };
    let title = "Real evolutions: devices that differ between neighbouring releases, both ways";
    let mut text = verdicts(title, rows(|c| c.whole));
    text.push('\n');
    text += &verdicts("The same, damaged streams", rows(|c| c.damaged));
    text
}

/// Time that each design takes for the state of real machines: encode and decode, microseconds.
#[must_use]
pub fn cost(reals: &[Real]) -> String {
    const TURNS: u32 = 20;
    let mut text = "Microseconds for all real fixtures above: encode, decode\n\n".to_string();
    for design in ALL {
        let (mut encode, mut decode) = (0, 0);
        for real in reals {
            let began = std::time::Instant::now();
            let mut bytes = Vec::new();
            for _ in 0..TURNS {
                bytes = design.encode(&real.machine, &real.states);
            }
            encode += began.elapsed().as_micros() / u128::from(TURNS);
            let began = std::time::Instant::now();
            for _ in 0..TURNS {
                let stream = super::cursor::Stream { bytes: &bytes, piece: usize::MAX };
                // Its own stream: whatever it says, the time is what is asked for.
                let _ = design.decode(stream, &real.machine, &mut Sink::default());
            }
            decode += began.elapsed().as_micros() / u128::from(TURNS);
        }
        let _ = writeln!(text, "{:<28}{encode:>9}{decode:>9}", design.name());
    }
    text
}

/// Bytes of framing and naming that each design adds to the state of real machines.
#[must_use]
pub fn overhead(reals: &[Real]) -> String {
    let mut text = "Bytes that are not state, on real fixtures\n\n".to_string();
    let _ = write!(text, "{:<28}", "");
    for real in reals {
        let _ = write!(text, "{:>30}", real.fixture);
    }
    let _ = write!(text, "\n{:<28}", "state");
    let sizes: Vec<usize> =
        reals.iter().map(|r| r.states.iter().map(|s| s.size()).sum::<usize>()).collect();
    sizes.iter().for_each(|size| {
        let _ = write!(text, "{size:>30}");
    });
    let _ = write!(text, "\n{:<28}", "as captured");
    for (real, size) in reals.iter().zip(&sizes) {
        let _ = write!(text, "{:>30}", format!("+{}", real.sent.saturating_sub(*size)));
    }
    text.push('\n');
    for design in ALL {
        let _ = write!(text, "{:<28}", design.name());
        for (real, size) in reals.iter().zip(&sizes) {
            let len = design.encode(&real.machine, &real.states).len();
            let _ = write!(text, "{:>30}", format!("+{}", len.saturating_sub(*size)));
        }
        text.push('\n');
    }
    text
}
